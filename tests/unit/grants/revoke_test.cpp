// SPDX-License-Identifier: GPL-2.0-or-later
// The ladder of revoke: which step does what, and that none is taken without being asked for.
#include "lib/grants/revoker.h"

#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

constexpr auto backend = "/local/domain/0/backend/iomem/5/17";

class Revoke : public testing::Test
{
protected:
	/// A guest that has mapped two pages and does not give them back.
	Revoke()
	{
		world.guests_cooperate();
		(void)world.grant("03:00.0/2@0+8K");
		world.guests_sleep();
		world.destroyed = [this](Domid id) { world.destroy_guest(id.value()); };
	}

	int run(std::vector<std::string> arguments)
	{
		out.clear();
		err.clear();
		return run_command_line(
			arguments, world, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; }, false);
	}

	bool decodes() { return world.host().pci.read(*Sbdf::parse("03:00.0")).memory_decode; }
	std::string node(const std::string& key)
	{
		return world.store().read(fmt::format("{}/{}", backend, key)).value_or("(none)");
	}
	void expect_nothing_left()
	{
		EXPECT_EQ(world.device().grants.size(), 0U);
		EXPECT_EQ(world.store().nodes, world.before);
	}

	World world;
	std::string out;
	std::string err;
};

} // namespace

TEST_F(Revoke, without_force_nothing_is_taken_from_the_guest)
{
	EXPECT_EQ(run({"revoke", "g17"}), 5);
	EXPECT_EQ(err,
		"xen-iomemgrant: error: g17 still mapped by web1 (2 of 2 pages) after 10s "
		"[still-mapped]\n"
		"hint: --force=disable-decode cuts the device off; --force=destroy-domain is last "
		"resort\n");
	EXPECT_EQ(node("state"), "5");
	EXPECT_EQ(node("refs"), "2048-2049");
	EXPECT_TRUE(decodes());
	EXPECT_EQ(world.hypervisor().list.size(), 2U);
}

TEST_F(Revoke, a_paused_guest_is_named_as_the_reason)
{
	world.hypervisor().list.at(1).paused = true;
	EXPECT_EQ(run({"revoke", "g17", "--wait=1"}), 5);
	EXPECT_NE(err.find("hint: it is paused and cannot let go: xl unpause web1; --force="),
		std::string::npos)
		<< err;
}

TEST_F(Revoke, a_fence_takes_the_references_out_of_sight_and_no_more)
{
	world.device().grants.front().nr_mapped = 1;
	EXPECT_EQ(run({"revoke", "g17", "--force=fence", "--wait=1"}), 5);
	EXPECT_EQ(err,
		"xen-iomemgrant: error: g17 still mapped by web1 (1 of 2 pages) after 1s; fenced: "
		"its references are out of XenStore, its page table entries stay [still-mapped]\n"
		"hint: --force=disable-decode cuts the device off; --force=destroy-domain is last "
		"resort\n");
	EXPECT_EQ(node("refs"), "(none)");
	EXPECT_EQ(node("state"), "6");
	EXPECT_TRUE(decodes());
	EXPECT_EQ(world.hypervisor().list.size(), 2U);
	const auto status = world.status(GrantId(17));
	EXPECT_EQ(status.state(), GrantState::revoking);
	EXPECT_EQ(status.note(), "fenced");

	// The guest comes to its senses: any revocation finishes it.
	world.device().grants.front().nr_mapped = 0;
	EXPECT_EQ(run({"revoke", "g17"}), 0);
	expect_nothing_left();
}

TEST_F(Revoke, what_is_fenced_stays_fenced_when_it_is_asked_again)
{
	EXPECT_EQ(run({"revoke", "g17", "--force=fence", "--wait=0"}), 5);
	EXPECT_EQ(run({"revoke", "g17", "--wait=0"}), 5);
	EXPECT_EQ(node("state"), "6");
}

TEST_F(Revoke, disabling_decode_cuts_the_device_off_and_says_whom_it_hits)
{
	world.guests_cooperate();
	(void)world.grant("03:00.0/2@8K+4K");
	world.guests_sleep();
	EXPECT_EQ(run({"--json", "revoke", "g17", "--force=disable-decode", "--wait=1"}), 5);
	EXPECT_FALSE(decodes());
	const auto error = Answer(out)["error"];
	EXPECT_EQ(error["code"], "still-mapped");
	EXPECT_EQ(error["details"]["rung"], "disable-decode");
	EXPECT_EQ(error["details"]["mapped_pages"], "2");
	EXPECT_EQ(err,
		"xen-iomemgrant: warning: 0000:03:00.0 stops answering all its users: they read "
		"ones, or zeros under QEMU; a machine that reports SERR may take these master "
		"aborts as fatal\n"
		"xen-iomemgrant: warning: g18 of web1 (d5) is cut off with it\n"
		"xen-iomemgrant: error: g17 still mapped by web1 (2 of 2 pages) after 1s; cut off: "
		"0000:03:00.0 answers no memory access [still-mapped]\n"
		"hint: --force=destroy-domain is last resort; afterwards setpci -s 0000:03:00.0 "
		"COMMAND=2:2 turns the device on again\n");
	EXPECT_EQ(node("refs"), "2048-2049");
	EXPECT_EQ(world.hypervisor().list.size(), 2U);
}

TEST_F(Revoke, a_virtual_function_is_not_cut_off_by_its_own_bit)
{
	world.tree.add("0000:03:00.0")
		.memory64(2, 0xdd000000, 0x8000)
		.link("physfn", "../0000:02:00.0");
	EXPECT_EQ(run({"revoke", "g17", "--force=disable-decode", "--wait=0"}), 9);
	EXPECT_NE(err.find("is a virtual function"), std::string::npos) << err;
}

TEST_F(Revoke, destroying_the_domain_ends_the_grant)
{
	EXPECT_EQ(run({"--json", "revoke", "g17", "--force=destroy-domain", "--wait=1"}), 0);
	const auto document = Answer(out);
	EXPECT_EQ(document["grants"][0]["result"], "revoked");
	EXPECT_EQ(document["grants"][0]["rung"], "destroy-domain");
	EXPECT_EQ(world.hypervisor().list.size(), 1U);
	EXPECT_EQ(world.device().grants.size(), 0U);
	EXPECT_FALSE(world.store().read("/local/domain/0/backend/iomem"));
}

TEST_F(Revoke, a_guest_that_lets_go_in_time_is_spared_every_step)
{
	world.guests_cooperate();
	for (const auto* force : {"fence", "disable-decode", "destroy-domain"}) {
		EXPECT_EQ(run({"--json", "revoke", "--all", fmt::format("--force={}", force)}), 0);
		EXPECT_EQ(Answer(out)["grants"][0]["rung"], "cooperative") << force;
		expect_nothing_left();
		EXPECT_TRUE(decodes());
		EXPECT_EQ(world.hypervisor().list.size(), 2U);
		(void)world.grant("03:00.0/2@0+8K");
	}
}

TEST_F(Revoke, another_domain_under_the_same_number_is_not_destroyed)
{
	const auto status = world.status(GrantId(17));
	// The guest died and its number was given away between the look and the step.
	world.hypervisor().list.at(1).uuid = *Uuid::parse("6f0c1d2e-0011-4000-8000-00163e000009");
	world.destroyed = [](Domid) { FAIL() << "destroyed a stranger"; };
	auto& host = world.host();
	RevokeOptions options;
	options.force = Rung::destroy_domain;
	EXPECT_THROW((void)Revoker(host).revoke(status, options), Error);
}

TEST_F(Revoke, when_the_toolstack_fails_its_words_are_passed_on)
{
	world.destroyed = [](Domid) {
		throw Error(kind::io_error, "xl destroy 5 failed: no xenstored");
	};
	EXPECT_EQ(run({"revoke", "g17", "--force=destroy-domain", "--wait=0"}), 1);
	EXPECT_EQ(world.status(GrantId(17)).state(), GrantState::revoking);
}

TEST_F(Revoke, a_rung_that_does_not_exist_is_refused_before_anything_happens)
{
	EXPECT_EQ(run({"revoke", "g17", "--force=hard"}), 2);
	EXPECT_EQ(err, "xen-iomemgrant: error: --force: 'hard' is not fence, disable-decode or "
		       "destroy-domain [usage]\n");
	EXPECT_EQ(node("state"), "4");
}

TEST_F(Revoke, every_step_is_recorded)
{
	std::vector<std::string> trail;
	const auto& host = world.host();
	(void)host;
	world.audited = [&](const AuditEntry& entry) {
		trail.push_back(fmt::format("{} {}", entry.result, entry.message));
	};
	EXPECT_EQ(run({"revoke", "g17", "--force=fence", "--wait=0"}), 5);
	world.guests_cooperate();
	EXPECT_EQ(run({"revoke", "g17"}), 0);
	ASSERT_EQ(trail.size(), 3U);
	EXPECT_EQ(trail[0], "fence g17 of web1 (d5): used --force=fence");
	EXPECT_TRUE(trail[1].starts_with("still-mapped g17 of web1 (d5): g17 still mapped by web1"))
		<< trail[1];
	EXPECT_EQ(trail[2], "revoked g17 of web1 (d5): revoked, rung cooperative");
}

TEST_F(Revoke, a_device_that_took_the_place_of_the_granted_one_is_not_cut_off)
{
	world.device().grants.front().device_id = {0x1af4, 0x1000};
	EXPECT_EQ(run({"revoke", "g17", "--force=disable-decode", "--wait=0"}), 6);
	EXPECT_NE(err.find("is there now [device-changed]"), std::string::npos) << err;
	EXPECT_TRUE(decodes());
}

TEST_F(Revoke, without_xenstore_the_kernel_is_asked_all_the_same)
{
	const auto status = world.status(GrantId(17));
	world.store().interfere = [](const std::string&) {
		throw Error(kind::no_xenstore, "xenstored is gone");
	};
	auto& host = world.host();
	EXPECT_THROW((void)Revoker(host).revoke(status, {}), Error);
	EXPECT_EQ(world.device().grants.front().state, Grant::State::ending);
	world.device().grants.front().nr_mapped = 0;
	try {
		(void)Revoker(host).revoke(status, {});
		FAIL() << "said it was done";
	} catch (const Error& error) {
		EXPECT_STREQ(error.what(),
			"xenstored is gone; g17 is ended, what XenStore says of it stays");
		EXPECT_TRUE(error.changed());
	}
	EXPECT_EQ(world.device().grants.size(), 0U);
}

TEST_F(Revoke, without_xenstore_what_the_kernel_grants_is_found_all_the_same)
{
	(void)world.grant("03:00.0/2@8K+4K", false);
	world.store().interfere = [](const std::string&) {
		throw Error(kind::no_xenstore, "cannot reach xenstored", "start it");
	};
	// What would be done cannot be told.
	EXPECT_EQ(run({"revoke", "--all", "--dry-run"}), 9);
	EXPECT_EQ(world.device().grants.size(), 2U);
	EXPECT_EQ(world.device().grants.front().state, Grant::State::live);

	std::vector<std::string> trail;
	world.audited = [&](const AuditEntry& entry) {
		trail.push_back(fmt::format("{} {} {}", message_id(entry.event).substr(0, 8),
			entry.result, entry.grant->str()));
	};
	EXPECT_EQ(run({"--json", "revoke", "--device=03:00.0"}), 9);
	EXPECT_EQ(
		trail, (std::vector<std::string>{fmt::format("{} no-xenstore g17",
							 message_id(AuditEvent::kept).substr(0, 8)),
			       fmt::format("{} no-xenstore g18",
				       message_id(AuditEvent::revoked).substr(0, 8))}));
	EXPECT_EQ(Answer(out)["grants"][1]["error"]["details"]["ended"], "true");
	EXPECT_EQ(err,
		"xen-iomemgrant: error: cannot reach xenstored; g17 ends when its pages are let go "
		"[no-xenstore]\n"
		"hint: start it\n"
		"xen-iomemgrant: error: cannot reach xenstored; g18 is ended, what XenStore says "
		"of "
		"it stays [no-xenstore]\n"
		"hint: start it\n");
	EXPECT_EQ(Answer(out)["changed"], true);
	ASSERT_EQ(world.device().grants.size(), 1U);
	EXPECT_EQ(world.device().grants.front().state, Grant::State::ending);

	// A grant that only XenStore may know is neither found nor missing.
	EXPECT_EQ(run({"revoke", "g18", "--ignore-missing"}), 9);
	EXPECT_EQ(run({"revoke", "--device=04:00.0"}), 9);
	EXPECT_EQ(run({"revoke", "--domain=web1"}), 9);

	// XenStore is back: the rest is what it always is.
	world.store().interfere = [](const std::string&) {};
	world.guests_cooperate();
	EXPECT_EQ(run({"revoke", "--all"}), 0) << err;
	expect_nothing_left();
}

TEST_F(Revoke, without_xenstore_a_device_can_be_cut_off)
{
	world.store().interfere = [](const std::string&) {
		throw Error(kind::no_xenstore, "cannot reach xenstored");
	};
	EXPECT_EQ(run({"revoke", "g17", "--force=disable-decode"}), 9);
	EXPECT_NE(err.find("error: cannot reach xenstored; g17 is cut off, and ends when its pages "
			   "are let go [no-xenstore]\n"),
		std::string::npos)
		<< err;
	EXPECT_FALSE(decodes());
	EXPECT_EQ(world.device().grants.front().state, Grant::State::ending);
}

TEST_F(Revoke, without_xenstore_bystanders_are_named_by_number)
{
	(void)world.grant("03:00.0/2@8K+4K", false);
	world.store().interfere = [](const std::string&) {
		throw Error(kind::no_xenstore, "cannot reach xenstored");
	};
	EXPECT_EQ(run({"revoke", "g17", "--force=disable-decode"}), 9);
	EXPECT_NE(err.find("warning: g18 of d5 is cut off with it\n"), std::string::npos) << err;
	EXPECT_FALSE(decodes());
}

TEST_F(Revoke, a_failure_that_has_changed_something_says_so)
{
	EXPECT_EQ(run({"--json", "revoke", "g17", "--wait=0"}), 5);
	EXPECT_EQ(Answer(out)["changed"], true);
	EXPECT_EQ(run({"--json", "revoke", "g99"}), 3);
	EXPECT_EQ(Answer(out)["changed"], false);
}

TEST_F(Revoke, an_offer_nobody_took_needs_no_rung)
{
	const auto id = world.grant("03:00.0/2@8K+4K", false);
	EXPECT_EQ(run({"--json", "revoke", id.str()}), 0);
	EXPECT_EQ(Answer(out)["grants"][0]["rung"], nullptr);
}

TEST_F(Revoke, interrupted_among_several_it_tells_what_became_of_each)
{
	world.guests_cooperate();
	(void)world.grant("03:00.0/2@8K+4K");
	(void)world.grant("03:00.0/2@12K+4K");
	int ended = 0;
	world.device().interfere = [&ended](const std::string& call) {
		if (call == "end" && ++ended == 2)
			throw Error(kind::interrupted, "interrupted");
	};
	EXPECT_EQ(run({"--json", "revoke", "--all"}), 130);
	const auto document = Answer(out);
	EXPECT_EQ(document["ok"], false);
	EXPECT_EQ(document["changed"], true);
	EXPECT_EQ(document["grants"][0]["result"], "revoked");
	EXPECT_EQ(document["grants"][1]["error"]["code"], "interrupted");
	EXPECT_EQ(document["grants"][2]["error"]["code"], "interrupted");
	// The grant that had ended is withdrawn all the same; the others have been asked.
	EXPECT_EQ(node("state"), "(none)");
	EXPECT_EQ(world.store().read("/local/domain/0/backend/iomem/5/19/state"), "5");
	EXPECT_EQ(world.device().grants.size(), 2U);
	world.device().interfere = [](const std::string&) {};
	EXPECT_EQ(run({"revoke", "--all"}), 0);
	expect_nothing_left();
}
