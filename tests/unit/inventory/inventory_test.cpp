// SPDX-License-Identifier: GPL-2.0-or-later
// How many requests to XenStore it costs to look at grants, and what is true after a look that asks
// little.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "lib/grants/collector.h"
#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

class Inventory : public testing::Test
{
protected:
	Inventory()
	{
		world.tree.add("0000:04:00.0").memory64(0, 0xe0000000, 0x200000).command(2);
		world.guests_cooperate();
	}

	/// Grants so many pages to web1, one each; by default it maps them.
	void grant(int count, bool mapped = true)
	{
		for (int i = 0; i < count; i++)
			(void)world.grant(fmt::format("04:00.0/0@{}K+4K", 4 * next_++), mapped);
	}

	/// Runs a command and returns how many requests that took.
	int requests(const std::vector<std::string>& arguments, int expected = 0)
	{
		out.clear();
		err.clear();
		world.store().requests = 0;
		const int status = run_command_line(
			arguments, world, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; }, false);
		EXPECT_EQ(status, expected) << err;
		return world.store().requests;
	}

	World world;
	std::string out;
	std::string err;

private:
	int next_ = 0;
};

} // namespace

TEST_F(Inventory, list_asks_as_much_of_a_hundred_mapped_grants_as_of_one)
{
	grant(1);
	const int of_one = requests({"list"});
	EXPECT_LE(of_one, 4);
	EXPECT_EQ(out.find("guest says"), std::string::npos) << out;
	grant(99);
	EXPECT_EQ(requests({"list"}), of_one);
	EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 101);
	EXPECT_EQ(requests({"--json", "list"}), of_one);
	const auto grants = Answer(out)["grants"];
	EXPECT_EQ(grants.size(), 100U);
	for (const auto& grant : grants.items()) {
		EXPECT_EQ(grant["state"], "mapped");
		EXPECT_EQ(grant["published"], true);
		EXPECT_TRUE(grant["peer"].is_null());
	}
}

TEST_F(Inventory, list_asks_about_grants_that_are_not_mapped_in_full)
{
	grant(10);
	const int before = requests({"list"});
	world.guests_sleep();
	grant(1, false);
	EXPECT_LE(requests({"list"}), before + 5);
	requests({"--json", "list", "--state=offered"});
	EXPECT_EQ(Answer(out)["grants"][0]["peer"]["state"], "initialising");
}

TEST_F(Inventory, a_guest_that_is_asked_to_let_go_is_found_by_state)
{
	grant(1);
	world.store().write("/local/domain/0/backend/iomem/5/17/state", "5");
	requests({"list", "--state=revoking", "--no-legend"});
	EXPECT_EQ(out.substr(0, 3), "g17") << out;
	requests({"list", "-o", "id,guest", "--no-legend"});
	EXPECT_NE(out.find("connected"), std::string::npos) << out;
}

TEST_F(Inventory, show_and_wait_ask_about_one_grant)
{
	grant(1);
	const int show = requests({"show", "g17"});
	const int wait = requests({"wait", "g17", "--for=mapped"});
	grant(99);
	EXPECT_EQ(requests({"show", "g17"}), show);
	EXPECT_EQ(requests({"wait", "g17", "--for=mapped"}), wait);
	EXPECT_LE(show, 7);
}

TEST_F(Inventory, show_finds_by_its_id_what_only_xenstore_has)
{
	grant(2);
	world.device().grants.erase(world.device().grants.begin());
	requests({"--json", "show", "g17"});
	EXPECT_EQ(Answer(out)["grant"]["state"], "orphaned");
	requests({"show", "g99"}, 3);
	EXPECT_EQ(err, "xen-iomemgrant: error: no grant g99 [no-grant]\n"
		       "hint: xen-iomemgrant list\n");
}

TEST_F(Inventory, gc_asks_as_much_of_a_hundred_live_grants_as_of_one)
{
	grant(1);
	const int of_one = requests({"gc"});
	grant(99);
	EXPECT_EQ(requests({"gc"}), of_one);
	EXPECT_EQ(out, "nothing to remove\n");
}

TEST_F(Inventory, a_label_costs_nothing_more_per_grant_the_guest_has)
{
	const auto labelled = [this](const char* label, const char* region) {
		// A guest that maps it would make requests of its own.
		return requests({"grant", "web1", region, "--label", label, "--no-wait"});
	};
	const int first = labelled("a", "03:00.0/2@0+4K");
	grant(50);
	EXPECT_EQ(labelled("b", "03:00.0/2@4K+4K"), first);
	EXPECT_EQ(requests({"grant", "web1", "03:00.0/2@8K+4K", "--label", "a"}, 5) > 0, true);
	EXPECT_EQ(err.substr(0, err.find('\n')), "xen-iomemgrant: error: web1 already has a grant "
						 "labelled 'a' (g17) [label-in-use]");
}

TEST_F(Inventory, a_grant_published_while_list_looks_is_published)
{
	bool happened = false;
	world.device().interfere = [&](const std::string& call) {
		if (call != "list" || std::exchange(happened, true))
			return;
		grant(1);
	};
	requests({"--json", "list"});
	const auto grants = Answer(out)["grants"];
	ASSERT_EQ(grants.size(), 1U);
	EXPECT_EQ(grants[0]["published"], true);
}

TEST_F(Inventory, a_number_that_a_device_of_the_guest_has_is_left_to_it)
{
	// From an earlier life of the module: its ids began at 1 again.
	auto& store = world.store();
	store.write("/local/domain/5/device/iomem/17/backend-id", "3");
	store.write("/local/domain/0/backend/iomem/5/18/refs", "9");
	store.write("/local/domain/0/backend/iomem/5/18/state", "4");
	world.guests_sleep();
	EXPECT_EQ(world.grant("04:00.0/0@0+4K", false), GrantId(17));
	EXPECT_EQ(world.grant("04:00.0/0@4K+8K", false), GrantId(18));
	EXPECT_EQ(store.read("/local/domain/0/backend/iomem/5/19/refs"), "2048");
	EXPECT_EQ(store.read("/local/domain/5/device/iomem/19/backend"),
		"/local/domain/0/backend/iomem/5/19");
	EXPECT_EQ(store.read("/local/domain/5/device/iomem/17/backend-id"), "3");

	requests({"list", "-o", "id,devid,state", "--no-legend"});
	EXPECT_EQ(out, "g17  19  offered\n"
		       "g18  20  offered\n"
		       "g18  18  orphaned\n");
	requests({"--json", "show", "g18"});
	EXPECT_EQ(Answer(out)["grant"]["devid"], 20);
	EXPECT_EQ(Answer(out)["grant"]["state"], "offered");
	requests({"list", "-o", "+devid"});
	EXPECT_NE(out.find("  LABEL  DEVID\n"), std::string::npos) << out;
	requests({"monitor", "--timeout=1"});
	EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 3) << out;

	requests({"gc"});
	EXPECT_EQ(out, "removed publication g18 of web1 (d5): the kernel has no such grant\n");
	requests({"revoke", "g17", "g18", "--wait=0"});
	EXPECT_FALSE(store.read("/local/domain/0/backend/iomem/5"));
	EXPECT_EQ(store.read("/local/domain/5/device/iomem/17/backend-id"), "3");
	EXPECT_TRUE(world.device().grants.empty());
}

TEST_F(Inventory, a_guest_maps_a_grant_under_another_number)
{
	world.store().write("/local/domain/5/device/iomem/17/backend-id", "3");
	world.store().guest = [this](FakeXenStore& xs) {
		auto& grant = world.device().grants.front();
		const bool live = xs.read("/local/domain/0/backend/iomem/5/18/state") == "4";
		xs.write("/local/domain/5/device/iomem/18/state", live ? "4" : "6");
		grant.nr_mapped = live ? 1 : 0;
	};
	const auto id = world.grant("04:00.0/0@0+4K");
	EXPECT_EQ(world.status(id).devid, GrantId(18));
	EXPECT_EQ(world.status(id).state(), GrantState::mapped);
	requests({"grant", "web1", "04:00.0/0@0+4K", "--label=bell"});
	EXPECT_EQ(world.store().read("/local/domain/0/backend/iomem/5/18/label"), "bell");
	requests({"revoke", "bell"});
	EXPECT_FALSE(world.store().read("/local/domain/5/device/iomem/18"));
	EXPECT_TRUE(world.device().grants.empty());
}

TEST_F(Inventory, timeout_limits_requests_to_xenstore)
{
	PciTree tree;
	FakeMachine machine(tree.root());
	(void)run_on(machine, {"list"});
	EXPECT_EQ(machine.request_limit, std::nullopt);
	(void)run_on(machine, {"--timeout=2", "list"});
	EXPECT_EQ(machine.request_limit, std::chrono::milliseconds(2000));
}
