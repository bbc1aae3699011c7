// SPDX-License-Identifier: GPL-2.0-or-later
// Several grants revoked by one command: they share one wait, and each has its own end.
#include "lib/grants/revoker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;
using std::chrono::seconds;

namespace
{

class RevokeMany : public testing::Test
{
protected:
	RevokeMany()
	{
		world.guests_cooperate();
		world.destroyed = [this](Domid id) { world.destroy_guest(id.value()); };
		world.audited = [this](const AuditEntry& entry) {
			trail.push_back(fmt::format("{} {}", entry.grant->str(), entry.result));
		};
	}

	/// Grants the first pages of BAR2, each by itself.
	void grant(int pages)
	{
		for (int page = 0; page < pages; page++)
			(void)world.grant(fmt::format("03:00.0/2@{}K+4K", 4 * page));
		trail.clear();
	}

	/// Only these go on letting go.
	void only_these_cooperate(const std::vector<std::uint64_t>& ids)
	{
		world.guests_cooperate();
		world.store().guest = [this, ids, all = world.store().guest](FakeXenStore& xs) {
			auto& grants = world.device().grants;
			const auto before = grants;
			const auto nodes = xs.nodes;
			all(xs);
			for (std::size_t i = 0; i < grants.size(); i++) {
				const auto& old = before[i];
				if (std::ranges::find(ids, old.id.value()) != ids.end())
					continue;
				grants[i].nr_mapped = old.nr_mapped;
				const auto state = PublicationPath(Domid(0), old.domid, old.id)
							   .frontend("state");
				xs.nodes[state] = nodes.at(state);
			}
		};
	}

	int run(std::vector<std::string> arguments)
	{
		out.clear();
		err.clear();
		return run_command_line(
			arguments, world, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; }, false);
	}

	/// Counts dom0's requests to XenStore by their first word, and all of them.
	void count_requests()
	{
		requests.clear();
		world.store().interfere = [this](const std::string& request) {
			if (world.guest_acts)
				return;
			requests[request.substr(0, request.find(' '))]++;
			requests["all"]++;
		};
	}

	std::string node(std::uint64_t id, const std::string& key)
	{
		return world.store()
			.read(fmt::format("/local/domain/0/backend/iomem/5/{}/{}", id, key))
			.value_or("(none)");
	}
	void expect_nothing_left()
	{
		EXPECT_EQ(world.device().grants.size(), 0U);
		EXPECT_EQ(world.store().nodes, world.before);
	}

	World world;
	std::map<std::string, int> requests;
	std::vector<std::string> trail;
	std::string out;
	std::string err;
};

} // namespace

TEST_F(RevokeMany, all_are_asked_before_any_is_waited_for_and_the_limit_is_for_all_together)
{
	grant(5);
	world.guests_sleep();
	bool all_asked = false;
	world.store().guest = [&](FakeXenStore&) {
		all_asked = true;
		for (std::uint64_t id = 17; id < 22; id++)
			all_asked &= node(id, "state") == "5";
	};
	const auto start = world.store().time;
	EXPECT_EQ(run({"revoke", "--all", "--wait=2"}), 5);
	EXPECT_TRUE(all_asked);
	EXPECT_EQ(world.store().time - start, seconds(2));
	for (int id = 17; id < 22; id++)
		EXPECT_NE(err.find(fmt::format(
				  "g{} still mapped by web1 (1 of 1 pages) after 2s", id)),
			std::string::npos)
			<< err;
}

TEST_F(RevokeMany, each_grant_has_its_own_end_in_the_answer_and_in_the_audit_trail)
{
	grant(3);
	only_these_cooperate({17, 19});
	EXPECT_EQ(run({"--json", "revoke", "g17", "g18", "g19", "g99", "--wait=1"}), 10);
	const auto grants = Answer(out)["grants"];
	EXPECT_EQ(grants[0]["result"], "revoked");
	EXPECT_EQ(grants[0]["rung"], "cooperative");
	EXPECT_EQ(grants[1]["error"]["code"], "still-mapped");
	EXPECT_EQ(grants[2]["result"], "revoked");
	EXPECT_EQ(grants[3]["error"]["code"], "no-grant");
	EXPECT_EQ(trail,
		(std::vector<std::string>{"g17 revoked", "g19 revoked", "g18 still-mapped"}));
	EXPECT_EQ(node(17, "state"), "(none)");
	EXPECT_EQ(node(18, "state"), "5");
	EXPECT_EQ(world.device().grants.size(), 1U);
	EXPECT_EQ(run({"revoke", "g17", "g19"}), 3);
	world.guests_cooperate();
	EXPECT_EQ(run({"revoke", "g18"}), 0);
	expect_nothing_left();
}

TEST_F(RevokeMany, grants_that_ended_are_withdrawn_while_another_guest_is_waited_for)
{
	grant(2);
	only_these_cooperate({17});
	bool withdrawn_early = false;
	world.store().guest = [&, step = world.store().guest](FakeXenStore& xs) {
		withdrawn_early |= node(17, "state") == "(none)" && node(18, "state") == "5";
		step(xs);
	};
	EXPECT_EQ(run({"revoke", "--all", "--wait=5"}), 10);
	EXPECT_TRUE(withdrawn_early);
}

TEST_F(RevokeMany, one_grant_of_several_takes_few_requests)
{
	grant(2);
	count_requests();
	const auto status = world.status(GrantId(17));
	count_requests();
	auto& host = world.host();
	EXPECT_EQ(Revoker(host).revoke(status, {}), Rung::cooperative);
	// The command watches the guest, writes the state Closing and removes two directories.  Xen
	// tells it when the guest has let go.
	EXPECT_EQ(requests, (std::map<std::string, int>{
				    {"watch", 1}, {"write", 1}, {"remove", 2}, {"all", 4}}));
}

TEST_F(RevokeMany, a_command_that_names_one_of_several_grants_makes_eight_requests)
{
	for (const int pages : {2, 8}) {
		grant(pages);
		count_requests();
		EXPECT_EQ(run({"revoke", world.device().grants.front().id.str()}), 0);
		// The watch is taken back by one more.
		EXPECT_EQ(requests["all"] + requests["watch"], 8);
		world.store().interfere = [](const std::string&) {};
		EXPECT_EQ(run({"revoke", "--all"}), 0);
		expect_nothing_left();
	}
}

// Linux's xenbus keeps a device whose directory goes with the one above it.
TEST_F(RevokeMany, each_device_is_removed_by_a_request_of_its_own)
{
	grant(3);
	std::set<std::string> removed;
	world.store().interfere = [&](const std::string& request) {
		if (request.starts_with("remove "))
			removed.insert(request.substr(7));
	};
	EXPECT_EQ(run({"revoke", "--all"}), 0);
	for (int id = 17; id < 20; id++) {
		EXPECT_TRUE(removed.contains(fmt::format("/local/domain/5/device/iomem/{}", id)));
		EXPECT_TRUE(
			removed.contains(fmt::format("/local/domain/0/backend/iomem/5/{}", id)));
	}
	expect_nothing_left();
}

// One writes the state Closing, in a transaction with the others, and two remove the directories.
TEST_F(RevokeMany, a_command_that_revokes_all_makes_three_requests_a_grant)
{
	std::vector<int> all;
	for (const int pages : {2, 8}) {
		grant(pages);
		count_requests();
		EXPECT_EQ(run({"revoke", "--all"}), 0);
		EXPECT_EQ(requests["write"], pages);
		EXPECT_EQ(requests["remove"], 2 * pages + 3);
		all.push_back(requests["all"]);
		world.store().interfere = [](const std::string&) {};
		expect_nothing_left();
	}
	EXPECT_EQ(all[1] - all[0], 6 * 3);
}

TEST_F(RevokeMany, an_interrupt_behind_the_announcement_says_that_guests_were_asked)
{
	grant(3);
	world.guests_sleep();
	auto host = world.host();
	Domains domains(host);
	const auto grants = take_inventory(host, domains, Ask::unsettled);
	host.checkpoint = [this] {
		if (node(17, "state") == "5")
			throw Error(kind::interrupted, "interrupted");
	};
	for (const auto& result : Revoker(host).revoke(grants, {})) {
		ASSERT_TRUE(result.error);
		EXPECT_EQ(result.error->kind(), kind::interrupted);
		EXPECT_TRUE(result.error->changed());
	}
}

TEST_F(RevokeMany, an_offer_withdrawn_before_all_are_asked_does_not_come_back)
{
	grant(3);
	const auto second = world.status(GrantId(18));
	bool once = true;
	world.store().interfere = [&](const std::string& request) {
		if (!request.starts_with("write ") || !std::exchange(once, false))
			return;
		auto other = world.host();
		(void)Revoker(other).revoke(second, {});
	};
	EXPECT_EQ(run({"revoke", "--all"}), 0);
	expect_nothing_left();
}

TEST_F(RevokeMany, requests_grow_by_five_a_grant_and_withdrawals_share_a_transaction)
{
	std::vector<int> all;
	for (const int pages : {2, 8}) {
		grant(pages);
		Domains domains(world.host());
		const auto grants = take_inventory(world.host(), domains);
		count_requests();
		for (const auto& result : Revoker(world.host()).revoke(grants, {}))
			EXPECT_EQ(result.rung, Rung::cooperative);
		EXPECT_EQ(requests["watch"], 1);
		EXPECT_EQ(requests["start"], 1);
		EXPECT_LE(requests["remove"], 2 * pages + 4);
		all.push_back(requests["all"]);
		world.store().interfere = [](const std::string&) {};
		expect_nothing_left();
	}
	EXPECT_LE(all[1] - all[0], 6 * 5);
}

TEST_F(RevokeMany, the_last_of_two_commands_to_withdraw_removes_the_directories)
{
	grant(2);
	const auto first = world.status(GrantId(17));
	const auto second = world.status(GrantId(18));
	// The second command runs as a whole between the two removals of the first.
	bool once = true;
	world.store().interfere = [&](const std::string& request) {
		if (request != "remove /local/domain/5/device/iomem/17" ||
			!std::exchange(once, false))
			return;
		auto other = world.host();
		(void)Revoker(other).revoke(second, {});
	};
	auto host = world.host();
	(void)Revoker(host).revoke(first, {});
	expect_nothing_left();
}

TEST_F(RevokeMany, an_offer_that_another_command_withdraws_meanwhile_does_not_come_back)
{
	grant(1);
	const auto status = world.status(GrantId(17));
	bool once = true;
	world.store().interfere = [&](const std::string& request) {
		if (!request.starts_with("write ") || !std::exchange(once, false))
			return;
		auto other = world.host();
		(void)Revoker(other).revoke(status, {});
	};
	auto host = world.host();
	(void)Revoker(host).revoke(status, {});
	expect_nothing_left();
}

TEST_F(RevokeMany, a_device_is_cut_off_once_and_only_bystanders_are_named)
{
	grant(3);
	world.guests_sleep();
	EXPECT_EQ(run({"revoke", "g17", "g18", "--force=disable-decode", "--wait=0"}), 5);
	EXPECT_EQ(err.substr(0, err.find("xen-iomemgrant: error")),
		"xen-iomemgrant: warning: 0000:03:00.0 stops answering all its users: they read "
		"ones, or zeros under QEMU; a machine that reports SERR may take these master "
		"aborts as fatal\n"
		"xen-iomemgrant: warning: g19 of web1 (d5) is cut off with it\n");
	EXPECT_EQ(std::ranges::count(trail, "g17 disable-decode"), 1);
	EXPECT_EQ(std::ranges::count(trail, "g18 disable-decode"), 1);
}

TEST_F(RevokeMany, one_guest_is_destroyed_once_for_all_its_grants)
{
	grant(3);
	world.guests_sleep();
	int destroyed = 0;
	world.destroyed = [&](Domid id) {
		destroyed++;
		world.destroy_guest(id.value());
	};
	EXPECT_EQ(run({"--json", "revoke", "--all", "--force=destroy-domain", "--wait=1"}), 0);
	EXPECT_EQ(destroyed, 1);
	for (const auto& grant : Answer(out)["grants"].items())
		EXPECT_EQ(grant["rung"], "destroy-domain");
	EXPECT_EQ(world.device().grants.size(), 0U);
}

TEST_F(RevokeMany, a_dry_run_asks_no_guest)
{
	grant(2);
	EXPECT_EQ(run({"revoke", "--all", "--dry-run"}), 0);
	EXPECT_EQ(node(17, "state"), "4");
	EXPECT_EQ(world.device().grants.size(), 2U);
}
