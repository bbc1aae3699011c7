// SPDX-License-Identifier: GPL-2.0-or-later
// What the service does at each look, and when it looks.
#include "cmd/xen-iomemgrantd/caretaker.h"

#include <gtest/gtest.h>

#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

class CaretakerTest : public testing::Test
{
protected:
	CaretakerTest()
	{
		world.guests_cooperate();
		(void)world.grant("03:00.0/2@0+8K");
		world.audited = [this](const AuditEntry& entry) { trail.push_back(entry); };
	}

	std::size_t look() { return caretaker.look(world.host()); }

	World world;
	std::vector<std::string> said;
	std::vector<std::string> complaints;
	std::vector<AuditEntry> trail;
	Caretaker caretaker{[this](const std::string& line) { said.push_back(line); },
		[this](const std::string& line) { complaints.push_back(line); }};
};

} // namespace

TEST_F(CaretakerTest, the_living_are_left_alone)
{
	const auto nodes = world.store().nodes;
	EXPECT_EQ(look(), 0U);
	EXPECT_EQ(world.store().nodes, nodes);
	EXPECT_EQ(world.device().grants.size(), 1U);
	EXPECT_TRUE(said.empty());
	EXPECT_TRUE(trail.empty());
}

TEST_F(CaretakerTest, what_a_guest_left_is_removed_and_recorded)
{
	world.destroy_guest(5);
	EXPECT_EQ(look(), 0U);
	EXPECT_EQ(said, std::vector<std::string>{"removed grant g17 of d5: domain gone"});
	EXPECT_FALSE(world.store().read("/local/domain/0/backend/iomem"));
	EXPECT_TRUE(world.device().grants.empty());
	ASSERT_EQ(trail.size(), 1U);
	EXPECT_EQ(trail[0].event, AuditEvent::collected);
	EXPECT_EQ(trail[0].result, "removed");
}

TEST_F(CaretakerTest, what_is_waited_for_is_told_once)
{
	// Xen is not done with the guest yet.
	world.hypervisor().list.at(1).dying = true;
	EXPECT_EQ(look(), 0U);
	EXPECT_EQ(look(), 0U);
	EXPECT_EQ(said, std::vector<std::string>{"waiting for grant g17 of d5: domain gone"});
	EXPECT_EQ(trail.size(), 1U);
	world.destroy_guest(5);
	EXPECT_EQ(look(), 0U);
	EXPECT_EQ(said.back(), "removed grant g17 of d5: domain gone");
}

TEST_F(CaretakerTest, what_fails_is_tried_again_and_told_once)
{
	world.destroy_guest(5);
	world.store().interfere = [](const std::string& request) {
		if (request == "commit")
			throw Error(kind::xenstore_quota, "commit a XenStore transaction");
	};
	EXPECT_EQ(look(), 1U);
	EXPECT_EQ(complaints,
		std::vector<std::string>{"cannot remove grant g17 of d5: domain gone: commit a "
					 "XenStore transaction [xenstore-quota]"});
	world.store().interfere = [](const std::string&) {};
	EXPECT_EQ(look(), 0U);
	EXPECT_EQ(said, std::vector<std::string>{"removed publication g17 of d5: domain gone"});
	EXPECT_FALSE(world.store().read("/local/domain/0/backend/iomem"));
}

TEST_F(CaretakerTest, it_looks_often_after_an_event_and_seldom_otherwise)
{
	using std::chrono::seconds;
	for (int round = 0; round < 2; round++) {
		for (const int expected : {1, 2, 4, 8, 16, 32, 60, 60})
			EXPECT_EQ(caretaker.next_delay(), seconds(expected));
		caretaker.domains_changed();
	}
}
