// SPDX-License-Identifier: GPL-2.0-or-later
// gc as the user meets it: who died, what is left, and what must not be touched.
#include "lib/grants/collector.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

class Gc : public testing::Test
{
protected:
	Gc() { world.guests_cooperate(); }

	int run(std::vector<std::string> arguments)
	{
		out.clear();
		err.clear();
		return run_command_line(
			arguments, world, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; }, false);
	}

	void expect_nothing_left()
	{
		EXPECT_EQ(world.device().grants.size(), 0U);
		EXPECT_EQ(world.store().nodes, world.before);
	}

	/// The world's store without the guest that died.
	void forget_guest()
	{
		std::erase_if(world.before, [](const auto& node) {
			return node.first == "/local/domain/5" ||
			       node.first.starts_with("/local/domain/5/");
		});
	}

	World world;
	std::string out;
	std::string err;
};

} // namespace

TEST_F(Gc, what_a_dead_guest_left_is_removed)
{
	(void)world.grant("03:00.0/2@0+4K");
	(void)world.grant("03:00.0/2@8K+4K");
	world.destroy_guest(5);
	world.device().grants.erase(world.device().grants.begin()); // the kernel saw it already
	forget_guest();
	const auto nodes = world.store().nodes;
	EXPECT_EQ(run({"--dry-run", "gc"}), 0);
	EXPECT_EQ(out, "would remove grant g18 of d5: domain gone\n"
		       "would remove publication g17 of d5: domain gone\n");
	EXPECT_EQ(world.store().nodes, nodes);
	EXPECT_EQ(world.device().grants.size(), 1U);

	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "removed grant g18 of d5: domain gone\n"
		       "removed publication g17 of d5: domain gone\n");
	expect_nothing_left();
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "nothing to remove\n");
}

TEST_F(Gc, a_guest_with_the_number_of_a_dead_one_is_another_guest)
{
	(void)world.grant("03:00.0/2@0+4K");
	world.destroy_guest(5);
	forget_guest();
	world.add_guest(5, "db2", "6f0c1d2e-0011-4000-8000-00163e000002");
	world.before.merge(std::map(world.store().nodes));
	std::erase_if(world.before,
		[](const auto& n) { return n.first.find("iomem") != std::string::npos; });
	EXPECT_EQ(run({"--json", "gc"}), 0);
	const auto document = Answer(out);
	EXPECT_EQ(document["schema"], "xen-iomemgrant/gc/1");
	EXPECT_EQ(document["changed"], true);
	const auto& item = document["items"][0];
	EXPECT_EQ(item["kind"], "grant");
	EXPECT_EQ(item["reason"], "domain gone");
	EXPECT_EQ(item["result"], "removed");
	EXPECT_EQ(item["path"], "/local/domain/0/backend/iomem/5/17");
	EXPECT_TRUE(item["error"].is_null());
	EXPECT_EQ(item["grant"]["id"], 17);
	expect_nothing_left();
}

TEST_F(Gc, what_is_alive_is_not_touched)
{
	(void)world.grant("03:00.0/2@0+4K");
	world.guests_sleep();
	(void)world.grant("03:00.0/2@4K+4K", false);
	// A grant that is about to be published: its command is still at it.
	const GrantRequest request{Domid(5), {*Sbdf::parse("03:00.0"), 2, 0x2000, 0x1000}, {}};
	world.device().grant(request);
	world.device().grants.back().age = abandoned_after;
	// Its driver left, but the guest works on.
	world.device().grants.front().state = Grant::State::lost;
	const auto nodes = world.store().nodes;
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "nothing to remove\n");
	EXPECT_EQ(world.store().nodes, nodes);
	EXPECT_EQ(world.device().grants.size(), 3U);
}

TEST_F(Gc, a_grant_nobody_lived_to_publish_is_given_up_in_time)
{
	world.device().grant({Domid(5), {*Sbdf::parse("03:00.0"), 2, 0x2000, 0x1000}, {}});
	world.device().grants.back().age = abandoned_after + std::chrono::milliseconds(1);
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "removed grant g17 of web1 (d5): never published\n");
	expect_nothing_left();
}

TEST_F(Gc, a_grant_that_belongs_to_an_open_file_is_never_ended)
{
	for (const std::uint64_t offset : {0x0, 0x1000, 0x2000}) {
		world.device().grant({Domid(5), {*Sbdf::parse("03:00.0"), 2, offset, 0x1000}, {}});
		world.device().grants.back().persistent = false;
	}
	world.device().grants[0].age = 10 * abandoned_after;
	world.device().grants[1].state = Grant::State::lost;
	world.device().grants[2].nr_mapped = 1;
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "nothing to remove\n");
	EXPECT_EQ(world.device().grants.size(), 3U);
	for (const auto& grant : world.device().grants)
		EXPECT_NE(grant.state, Grant::State::ending);
}

TEST_F(Gc, a_clock_that_is_set_makes_no_grant_older)
{
	world.device().grant({Domid(5), {*Sbdf::parse("03:00.0"), 2, 0x2000, 0x1000}, {}});
	world.device().grants.back().created = world.wall - 10 * abandoned_after;
	world.device().grants.back().age = std::chrono::seconds(1);
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "nothing to remove\n");
	EXPECT_EQ(world.device().grants.size(), 1U);
}

TEST_F(Gc, a_revocation_cut_off_before_the_last_step_is_finished)
{
	const auto id = world.grant("03:00.0/2@0+4K");
	world.store().write(PublicationPath(Domid(0), Domid(5), id).backend("state"), "5");
	world.device().grants.clear();
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "removed publication g17 of web1 (d5): the kernel has no such grant\n");
	expect_nothing_left();
}

TEST_F(Gc, a_lost_grant_ends_when_nobody_maps_it)
{
	(void)world.grant("03:00.0/2@0+4K");
	world.device().grants.front().state = Grant::State::lost;
	world.device().grants.front().nr_mapped = 0;
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "removed grant g17 of web1 (d5): its driver left, nothing mapped\n");
	expect_nothing_left();
}

TEST_F(Gc, a_guest_is_asked_for_the_pages_of_a_device_that_is_gone)
{
	(void)world.grant("03:00.0/2@0+4K");
	world.device().grants.front().state = Grant::State::lost;
	world.tree.remove("0000:03:00.0");
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out,
		"waiting for grant g17 of web1 (d5): device gone; it ends when its pages are let "
		"go\n");
	EXPECT_EQ(world.store().read("/local/domain/0/backend/iomem/5/17/state"), "5");
	world.device().grants.clear(); // the guest let go, and the kernel tried again
	EXPECT_EQ(run({"gc"}), 0);
	expect_nothing_left();
}

TEST_F(Gc, halves_and_empty_directories_go_too)
{
	world.store().write("/local/domain/5/device/iomem/40/backend-id", "0");
	// Another granter's.
	world.store().write("/local/domain/5/device/iomem/41/backend-id", "3");
	world.store().write("/local/domain/0/backend/iomem/9", "");
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "removed publication g40 of web1 (d5): the kernel has no such grant\n"
		       "removed directory /local/domain/0/backend/iomem/9: empty\n");
	EXPECT_TRUE(world.store().read("/local/domain/5/device/iomem/41/backend-id"));
	world.store().erase("/local/domain/5/device/iomem/41");
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(out, "removed directory /local/domain/5/device/iomem: empty\n");
	expect_nothing_left();
}

TEST_F(Gc, a_directory_filled_meanwhile_stays)
{
	world.store().write("/local/domain/0/backend/iomem/5", "");
	Collector collector(world.host());
	auto found = collector.find();
	ASSERT_EQ(found.size(), 1U);
	(void)world.grant("03:00.0/2@0+4K");
	collector.collect(found[0]);
	EXPECT_EQ(world.status(GrantId(17)).state(), GrantState::mapped);
}

TEST_F(Gc, what_fails_is_said_and_the_rest_goes_on)
{
	(void)world.grant("03:00.0/2@0+4K");
	(void)world.grant("03:00.0/2@8K+4K");
	world.destroy_guest(5);
	forget_guest();
	world.device().grants.clear();
	world.store().fail_transaction = 3;
	EXPECT_EQ(run({"gc"}), 10);
	EXPECT_EQ(out, "removed publication g18 of d5: domain gone\n");
	EXPECT_EQ(err, "xen-iomemgrant: error: commit a XenStore transaction [xenstore-quota]\n");
	EXPECT_EQ(run({"gc"}), 0);
	expect_nothing_left();
}
