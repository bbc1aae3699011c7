// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <cerrno>

#include <iomemgrant/byte_size.h>
#include <iomemgrant/error.h>

#include "contract/world.h"

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

	Grant grant(std::uint64_t first, std::uint64_t count)
	{
		return device.grant({world->guest(), pages(first, count), {}});
	}

	int refusal(std::uint64_t first, std::uint64_t count)
	{
		try {
			(void)grant(first, count);
			return 0;
		} catch (const Error& error) {
			return error.os_error();
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

TEST_F(GrantDeviceContract, a_page_is_granted_once)
{
	(void)grant(4, 4);
	EXPECT_EQ(refusal(4, 4), EEXIST);
	EXPECT_EQ(refusal(7, 1), EEXIST);
	EXPECT_EQ(refusal(0, 5), EEXIST);
	EXPECT_EQ(refusal(8, 1), 0);
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
