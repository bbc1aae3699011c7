// SPDX-License-Identifier: GPL-2.0-or-later
// The words of list, show and monitor about a grant that is not as it should be.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

/// A grant of one page of 0000:03:00.0 that web1 has mapped, unless a test changes that.
class GrantNotes : public testing::Test
{
protected:
	GrantNotes()
	{
		world.guests_cooperate();
		(void)world.grant("03:00.0/2@0+4K");
		world.store().write("/local/domain/5/device/iomem/17/mapped-pages", "1");
		world.guests_sleep();
	}

	Grant& grant() { return world.device().grants.front(); }

	/// Returns the column NOTE of `list`, which `show` has as well.
	std::string note()
	{
		const auto noted = shown("note");
		const auto text = noted.is_null() ? "" : noted.text();
		const auto listed = run_on(world, {"list", "-o", "note", "--no-legend"}).out;
		EXPECT_EQ(listed, (text.empty() ? "-" : text) + "\n");
		return text;
	}

	Answer shown(const char* key)
	{
		return Answer(run_on(world, {"--json", "show", "g17"}).out)["grant"][key];
	}

	void lose(std::optional<Grant::LostReason> reason)
	{
		grant().state = Grant::State::lost;
		grant().lost_reason = reason;
	}

	World world;
};

} // namespace

TEST_F(GrantNotes, nothing_is_noted_of_a_grant_that_is_as_it_was)
{
	EXPECT_EQ(note(), "");
	EXPECT_EQ(shown("changes").dump(), "[]");
	EXPECT_EQ(shown("lost_reason"), nullptr);
}

TEST_F(GrantNotes, changes_of_the_device_are_noted)
{
	grant().changes.bus_master = true;
	EXPECT_EQ(note(), "bus mastering is on");
	EXPECT_EQ(shown("changes").dump(), R"(["bus-master"])");
	EXPECT_EQ(shown("state"), "mapped");
	grant().changes = {.decode_off = true, .not_d0 = true, .bar_register = true};
	EXPECT_EQ(note(),
		"memory decoding is off, the device sleeps, the BAR's register has another "
		"address");
	EXPECT_EQ(shown("changes").dump(), R"(["decode-off","not-d0","bar-register"])");
	EXPECT_NE(run_on(world, {"show", "g17"})
			  .out.find("changes:      decode-off,not-d0,bar-register\n"),
		std::string::npos);
	// Of a grant that is mapped in full list does not ask XenStore.
	grant().changes = {.bus_master = true};
	grant().nr_mapped = 0;
	world.store().write("/local/domain/0/backend/iomem/5/17/state", "6");
	EXPECT_EQ(note(), "bus mastering is on; fenced");
	grant().changes = {.mappable = true};
	grant().state = Grant::State::ending;
	EXPECT_EQ(note(), "the guest can map it again; fenced");
}

TEST_F(GrantNotes, a_change_is_an_event_for_monitor)
{
	world.store().guest = [this](FakeXenStore&) { grant().changes.decode_off = true; };
	EXPECT_EQ(run_on(world, {"monitor", "--timeout=1"}).out,
		"1970-01-02T00:00:00Z present g17: 0000:03:00.0 BAR2 [0x0-0xfff] 1 page rw,uc -> "
		"web1 "
		"(d5)  mapped 1/1\n"
		"1970-01-02T00:00:00Z changed g17: 0000:03:00.0 BAR2 [0x0-0xfff] 1 page rw,uc -> "
		"web1 "
		"(d5)  mapped 1/1  (memory decoding is off)\n");
}

TEST_F(GrantNotes, the_reason_of_a_lost_grant_is_the_modules)
{
	using Reason = Grant::LostReason;
	const std::tuple<Reason, const char*, const char*> reasons[] = {
		{Reason::moved, "moved", "its BAR has another address"},
		{Reason::driver_left, "driver-left", "its driver left"},
		{Reason::driver_came, "driver-came", "a driver was bound to its device"},
		{Reason::assigned, "assigned", "its device was assigned to a guest"},
	};
	for (const auto& [reason, name, words] : reasons) {
		lose(reason);
		EXPECT_EQ(note(), words);
		EXPECT_EQ(shown("lost_reason"), name);
		EXPECT_EQ(shown("device")["present"], true);
	}
	// An older module gives no reason.
	lose(std::nullopt);
	EXPECT_EQ(note(), "its driver left");
	world.tree.remove("0000:03:00.0");
	EXPECT_EQ(note(), "device gone");
}

TEST_F(GrantNotes, a_device_of_the_same_kind_is_not_the_one_that_was_pulled)
{
	grant().device_id = {0x1234, 0x11e8, 0x1af4, 0x1100};
	lose(Grant::LostReason::device_gone);
	EXPECT_EQ(note(), "device gone; another of its kind is there now");
	EXPECT_EQ(shown("device")["present"], false);
	EXPECT_EQ(shown("device")["changed"], true);
	const auto gc = run_on(world, {"gc"});
	EXPECT_EQ(gc.out,
		"waiting for grant g17 of web1 (d5): device gone; it ends when its pages are "
		"let go\n");
	const auto revoked = run_on(world, {"revoke", "g17", "--wait=0", "--force=disable-decode"});
	EXPECT_NE(
		revoked.err.find("0000:03:00.0 was 1234:11e8 (subsystem 1af4:1100) when g17 was "
				 "granted, and another of its kind is there now [device-changed]"),
		std::string::npos)
		<< revoked.err;
}

TEST_F(GrantNotes, gc_asks_for_pages_of_a_bar_that_moved)
{
	lose(Grant::LostReason::moved);
	EXPECT_EQ(run_on(world, {"gc"}).out,
		"waiting for grant g17 of web1 (d5): its BAR has another address; it ends when its "
		"pages are let go\n");
	EXPECT_EQ(world.store().read("/local/domain/0/backend/iomem/5/17/state"), "5");
}

TEST_F(GrantNotes, a_grant_that_is_being_made_is_not_to_be_revoked)
{
	grant().nr_mapped = 0;
	world.store().erase("/local/domain/0/backend/iomem/5");
	EXPECT_EQ(note(), "not in XenStore yet");
	EXPECT_EQ(shown("state"), "unpublished");
	grant().age = abandoned_after + std::chrono::seconds(1);
	EXPECT_EQ(note(), "not in XenStore; revoke it");
	grant().persistent = false;
	EXPECT_EQ(note(), "held by a program");
}

TEST_F(GrantNotes, a_publication_that_outlived_its_grant_says_so)
{
	world.device().grants.clear();
	EXPECT_EQ(note(), "ended; gc takes it out of XenStore");
	EXPECT_EQ(shown("state"), "orphaned");
	world.destroy_guest(5);
	EXPECT_EQ(note(), "domain gone; run gc");
}

TEST_F(GrantNotes, a_program_keeps_its_grant_of_a_dead_guest)
{
	world.destroy_guest(5);
	EXPECT_EQ(note(), "domain gone; run gc");
	grant().persistent = false;
	EXPECT_EQ(note(), "domain gone");
}

TEST_F(GrantNotes, a_guest_that_maps_while_list_looks_does_not_contradict_xen)
{
	grant().nr_mapped = 0;
	world.store().write("/local/domain/5/device/iomem/17/mapped-pages", "0");
	int looks = 0;
	world.device().interfere = [&](const std::string& call) {
		// The guest maps between the look at the module and the one at XenStore.
		if (call == "list" && ++looks == 2)
			grant().nr_mapped = 1;
		else if (call == "list")
			world.store().write("/local/domain/5/device/iomem/17/mapped-pages", "1");
	};
	const auto listed = run_on(world, {"list", "-o", "state,mapped,note", "--no-legend"}).out;
	EXPECT_EQ(listed, "mapped  1/1  -\n");
	EXPECT_EQ(looks, 2);
}

TEST_F(GrantNotes, show_names_guest_and_device)
{
	grant().device_id = {0x8086, 0x1572, 0, 0};
	const auto text = run_on(world, {"show", "g17"}).out;
	EXPECT_NE(text.find("uuid:         6f0c1d2e-0011-4000-8000-00163e000001\n"),
		std::string::npos)
		<< text;
	// pci.ids need not be installed.
	const auto name = shown("device")["name"];
	EXPECT_NE(text.find("device_name:  " + (name.is_null() ? "-" : name.text()) + "\n"),
		std::string::npos)
		<< text;
	EXPECT_EQ(shown("created_by").dump(), R"({"uid":0})");
	EXPECT_EQ(shown("peer").dump().find("agent"), std::string::npos);
}
