// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "lib/text/byte_size.h"
#include "lib/values/error.h"
#include "tests/contract/world.h"

using namespace iomemgrant;

namespace
{

class GrantDeviceContract : public ::testing::Test
{
protected:
	std::unique_ptr<contract::DeviceWorld> world = contract::make_device_world();
	GrantDevice& device = world->device();

	Region pages(std::uint64_t first, std::uint64_t count) const
	{
		auto region = world->bar();
		region.offset = first * page_size;
		region.length = count * page_size;
		return region;
	}

	Grant labelled(std::uint64_t page, const char* label)
	{
		return device.grant({.domid = world->guest(),
			.region = pages(page, 1),
			.label = Label::parse(label)});
	}

	std::optional<Label> label_of(GrantId id)
	{
		for (const auto& grant : device.list()) {
			if (grant.id == id)
				return grant.label;
		}
		throw Error(kind::no_grant, "not listed");
	}

	Grant grant(std::uint64_t first, std::uint64_t count)
	{
		return device.grant({world->guest(), pages(first, count), {}});
	}

	std::optional<GrantRefused::Reason> refusal(std::uint64_t first, std::uint64_t count)
	{
		try {
			(void)grant(first, count);
			return std::nullopt;
		} catch (const GrantRefused& refused) {
			return refused.reason();
		}
	}
};

} // namespace

TEST_F(GrantDeviceContract, it_can_grant_and_counts)
{
	const auto before = device.info();
	EXPECT_TRUE(before.can_grant);
	EXPECT_TRUE(before.hypervisor_support);
	const auto made = grant(0, 3);
	EXPECT_EQ(device.info().nr_grants, before.nr_grants + 1);
	EXPECT_EQ(device.info().nr_refs, before.nr_refs + 3);
	EXPECT_EQ(device.end(made.id), GrantDevice::Ended::yes);
	EXPECT_EQ(device.info().nr_grants, before.nr_grants);
	EXPECT_EQ(device.info().nr_refs, before.nr_refs);
}

TEST_F(GrantDeviceContract, what_was_granted_is_listed_as_it_was_asked_for)
{
	const auto made = grant(1, 2);
	EXPECT_EQ(made.refs.count, 2U);
	const auto grants = device.list();
	ASSERT_EQ(grants.size(), 1U);
	EXPECT_EQ(grants[0].id, made.id);
	EXPECT_EQ(grants[0].domid, world->guest());
	EXPECT_EQ(grants[0].region, pages(1, 2));
	EXPECT_EQ(grants[0].refs, made.refs);
	EXPECT_EQ(grants[0].state, Grant::State::live);
	EXPECT_TRUE(grants[0].persistent);
	EXPECT_EQ(grants[0].nr_mapped.value_or(0), 0U);
}

TEST_F(GrantDeviceContract, ids_rise_and_order_the_list)
{
	const auto first = grant(0, 1);
	const auto second = grant(4, 1);
	EXPECT_LT(first.id, second.id);
	EXPECT_EQ(device.end(first.id), GrantDevice::Ended::yes);
	const auto third = grant(0, 1);
	EXPECT_LT(second.id, third.id);
	const auto grants = device.list();
	ASSERT_EQ(grants.size(), 2U);
	EXPECT_EQ(grants[0].id, second.id);
	EXPECT_EQ(grants[1].id, third.id);
}

TEST_F(GrantDeviceContract, an_id_is_larger_than_the_caller_says)
{
	const auto first = grant(0, 1);
	const GrantId above(first.id.value() + 1000);
	const auto second =
		device.grant({.domid = world->guest(), .region = pages(1, 1), .min_id = above});
	EXPECT_GT(second.id, above);
	EXPECT_GT(grant(2, 1).id, second.id);
}

TEST_F(GrantDeviceContract, cache_and_age_are_listed_and_nothing_has_changed)
{
	(void)device.grant(
		{.domid = world->guest(), .region = pages(0, 1), .cache = Cache::write_combining});
	(void)grant(1, 1);
	const auto grants = device.list();
	ASSERT_EQ(grants.size(), 2U);
	EXPECT_EQ(grants[0].cache, Cache::write_combining);
	EXPECT_EQ(grants[1].cache, Cache::uncached);
	for (const auto& grant : grants) {
		EXPECT_GE(grant.age.count(), 0);
		EXPECT_LT(grant.age, std::chrono::minutes(10));
		EXPECT_EQ(grant.lost_reason, std::nullopt);
		EXPECT_EQ(grant.changes, Grant::Changes());
	}
}

TEST_F(GrantDeviceContract, a_label_is_set_with_the_grant_or_later_and_taken_away)
{
	const auto made = labelled(0, "nic-doorbell");
	EXPECT_EQ(label_of(made.id), Label::parse("nic-doorbell"));
	device.set_label(made.id, Label::parse("b.2_x"));
	EXPECT_EQ(label_of(made.id), Label::parse("b.2_x"));
	device.set_label(made.id, Label::parse("b.2_x"));
	device.set_label(made.id, std::nullopt);
	EXPECT_EQ(label_of(made.id), std::nullopt);
	const auto longest = std::string(63, 'x');
	device.set_label(made.id, Label::parse(longest));
	EXPECT_EQ(label_of(made.id), Label::parse(longest));
}

TEST_F(GrantDeviceContract, a_label_names_one_grant_of_a_domain)
{
	const auto first = labelled(0, "one");
	try {
		(void)labelled(1, "one");
		FAIL() << "granted twice";
	} catch (const GrantRefused& refused) {
		EXPECT_EQ(refused.reason(), GrantRefused::Reason::label_taken);
	}
	const auto second = labelled(1, "two");
	try {
		device.set_label(second.id, Label::parse("one"));
		FAIL() << "named twice";
	} catch (const Error& error) {
		EXPECT_EQ(error.kind(), kind::label_in_use);
	}
	EXPECT_EQ(label_of(second.id), Label::parse("two"));
	EXPECT_EQ(device.end(first.id), GrantDevice::Ended::yes);
	device.set_label(second.id, Label::parse("one"));
	EXPECT_EQ(label_of(second.id), Label::parse("one"));
}

TEST_F(GrantDeviceContract, a_grant_that_is_not_there_takes_no_label)
{
	try {
		device.set_label(GrantId((1ULL << 60) + 1), Label::parse("one"));
		FAIL() << "labelled";
	} catch (const Error& error) {
		EXPECT_EQ(error.kind(), kind::no_grant);
	}
}

TEST_F(GrantDeviceContract, a_page_is_granted_once)
{
	(void)grant(4, 4);
	EXPECT_EQ(refusal(4, 4), GrantRefused::Reason::granted_already);
	EXPECT_EQ(refusal(7, 1), GrantRefused::Reason::granted_already);
	EXPECT_EQ(refusal(0, 5), GrantRefused::Reason::granted_already);
	EXPECT_EQ(refusal(8, 1), std::nullopt);
	EXPECT_EQ(device.list().size(), 2U);
}

TEST_F(GrantDeviceContract, a_grant_ends_once)
{
	const auto made = grant(0, 1);
	EXPECT_EQ(device.end(made.id), GrantDevice::Ended::yes);
	try {
		(void)device.end(made.id);
		FAIL() << "ended twice";
	} catch (const Error& error) {
		EXPECT_EQ(error.kind(), kind::no_grant);
	}
	EXPECT_TRUE(device.list().empty());
}
