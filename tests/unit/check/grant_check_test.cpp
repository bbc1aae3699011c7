// SPDX-License-Identifier: GPL-2.0-or-later
// bars, check and grant say the same of the same pages, and name the holder of what is taken.
#include <gtest/gtest.h>

#include "tests/unit/commands/messages.h"
#include "tests/unit/support/answer.h"

using namespace iomemgrant;

namespace
{

class Judged : public Messages
{
protected:
	Judged()
	{
		DomainInfo db2;
		db2.id = Domid(7);
		machine->xen.list.push_back(db2);
		machine->xs.write("/local/domain/7/name", "db2");
	}

	/// grant and check refuse @region with these words, and `bars` has @row of its BAR.
	void all_refuse(const char* region, const char* message, const char* slug, const char* hint,
		int exit, const char* row)
	{
		refused(region, message, slug, hint, exit);
		auto ran = run_on(*machine, {"check", "web1", region});
		EXPECT_EQ(ran.status, exit);
		EXPECT_NE(ran.out.find(std::string("  error: ") + message), std::string::npos)
			<< ran.out;
		const auto remedy = *hint ? fmt::format("  hint: {}\n", hint) : "";
		EXPECT_NE(ran.out.find(remedy), std::string::npos) << ran.out;
		ran = run_on(*machine, {"bars", std::string(region).substr(0, 7)});
		EXPECT_NE(ran.out.find(row), std::string::npos) << ran.out;
	}

	Grant granted_to_db2(Cache cache)
	{
		Grant grant;
		grant.id = GrantId(12);
		grant.domid = Domid(7);
		grant.region = {*Sbdf::parse("03:00.0"), 2, 0x4000, 0x2000};
		grant.refs = {2048, 2};
		grant.cache = cache;
		return grant;
	}
};

} // namespace

TEST_F(Judged, a_device_that_a_guest_has_as_a_whole)
{
	machine->xs.write("/local/domain/0/backend/pci/7/0/num_devs", "1");
	machine->xs.write("/local/domain/0/backend/pci/7/0/dev-0", "0000:03:00.0");
	machine->xs.write("/local/domain/0/backend/pci/7/0/state-0", "3");
	all_refuse("03:00.0/2", "0000:03:00.0 is assigned to db2 as a whole", "device-assigned",
		"xl pci-detach db2 0000:03:00.0", 5,
		"no: 0000:03:00.0 is assigned to db2 as a whole");
	EXPECT_EQ(run_on(*machine, {"check", "web1", "0a:00.0/0@0+4K"}).status, 0);
	// What the kernel found first is explained alike.
	machine->xs.erase("/local/domain/0/backend/pci");
	machine->grants.refuse = [&](const GrantRequest&) {
		machine->xs.write("/local/domain/0/backend/pci/7/0/dev-0", "0000:03:00.0");
		return GrantRefused::Reason::busy_bar;
	};
	const auto ran = run_on(*machine, {"grant", "web1", "03:00.0/2"});
	EXPECT_EQ(ran.status, 5);
	EXPECT_EQ(ran.err, "xen-iomemgrant: error: 0000:03:00.0 is assigned to db2 as a whole "
			   "[device-assigned]\nhint: xl pci-detach db2 0000:03:00.0\n");
}

TEST_F(Judged, pages_reserved_without_a_driver)
{
	tree.add("0000:00:1b.0").memory(0, 0xfe604000, 0x1000);
	tree.iomem("fe604000-fe604fff : 0000:00:1b.0\n  fe604000-fe60400f : APEI ERST\n");
	machine_ = std::make_unique<FakeMachine>(tree.root());
	machine = machine_.get();
	all_refuse("00:1b.0/0",
		"page 0 of BAR0 is reserved by 'APEI ERST' in dom0, which is no driver of the "
		"device",
		"region-busy", "choose pages that /proc/iomem shows nothing in", 5,
		"page 0: page 0 of BAR0 is reserved by 'APEI ERST'");
}

TEST_F(Judged, pages_that_another_guest_has_by_iomem)
{
	machine->xen.iomem[Domid(7)] = {{0xdd004000, 0xdd006000}};
	all_refuse("03:00.0/2", "pages 4-5 of BAR2 are given to db2 by iomem= of its configuration",
		"overlap", "restart db2 without it, or --allow=overlap to share", 5,
		"pages 0-3, 6-7; pages 4-5: pages 4-5 of BAR2 are given to db2 by iomem= of its "
		"configuration (needs --allow=overlap)");
	EXPECT_EQ(run_on(*machine, {"check", "web1", "03:00.0/2@0+16K"}).status, 0);
	EXPECT_EQ(run_on(*machine, {"check", "web1", "03:00.0/2", "--allow=overlap"}).status, 0);
	machine->xen.iomem[Domid(5)] = {{0xdd000000, 0xdd001000}};
	refused("03:00.0/2@0+4K",
		"page 0 of BAR2 is web1's already, by iomem= of its configuration", "overlap",
		"it needs no grant", 5, {"--allow=overlap"});
}

TEST_F(Judged, pages_shared_with_another_memory_type)
{
	machine->grants.grants = {granted_to_db2(Cache::write_combining)};
	refused("03:00.0/2@16K+4K",
		"page 4 of BAR2 is granted to db2 (g12) as wc; uc beside it can hang the machine",
		"cache-conflict", "pass --cache=wc as well, or revoke g12", 5, {"--allow=overlap"});
	EXPECT_EQ(run_on(*machine,
			  {"check", "web1", "03:00.0/2@16K+4K", "--allow=overlap", "--cache=wc"})
			  .status,
		0);
	machine->grants.grants = {granted_to_db2(Cache::uncached)};
	refused("03:00.0/2@16K+4K",
		"page 4 of BAR2 is granted to db2 (g12) as uc; wc beside it can hang the machine",
		"cache-conflict", "pass --cache=uc as well, or revoke g12", 5,
		{"--allow=overlap", "--cache=wc"});
}

TEST_F(Judged, what_fits_into_one_grant_is_told_before_it_is_asked_for)
{
	auto ran = run_on(*machine, {"bars", "0a:00.0"});
	EXPECT_NE(ran.out.find("  yes, 4M in one grant\n"), std::string::npos) << ran.out;
	EXPECT_EQ(run_on(*machine, {"check", "web1", "0a:00.0/0@0+4M"}).status, 0);
	EXPECT_EQ(run_on(*machine, {"check", "web1", "0a:00.0/0@0+4100K"}).status, 7);
	ran = run_on(*machine, {"bars", "0a:00.0", "--json"});
	EXPECT_EQ(Answer(ran.out)["devices"][0]["bars"][0]["grantable"]["max_pages"], 1024);
	machine->grants.facts.nr_refs = 8192;
	ran = run_on(*machine, {"bars", "03:00.0"});
	EXPECT_NE(ran.out.find("  no: no room for another grant (see limits)\n"), std::string::npos)
		<< ran.out;
	// Nothing is known of limits where there is no Xen.
	machine->no_control = Error(kind::not_dom0, "no dom0");
	ran = run_on(*machine, {"bars", "0a:00.0"});
	EXPECT_NE(ran.out.find("  yes\n"), std::string::npos) << ran.out;
}

TEST_F(Judged, one_override_names_all_that_is_needed)
{
	// EHCI and two BARs of audio in one page, as on boards with ICH5.
	tree.add("0000:00:1d.7").memory(0, 0xf5fffc00, 0x400).command(6).driver("ehci-pci");
	tree.add("0000:00:1f.5").memory(2, 0xf5fff800, 0x200).memory(3, 0xf5fff400, 0x100);
	machine_ = std::make_unique<FakeMachine>(tree.root());
	machine = machine_.get();
	auto ran = run_on(*machine, {"bars", "00:1d.7"});
	EXPECT_NE(ran.out.find("  page 0 is shared with 0000:00:1f.5 BAR2 and 0000:00:1f.5 BAR3 "
			       "(needs --allow=driver-bound,dma-capable,shared-page)\n"),
		std::string::npos)
		<< ran.out;
	refused("00:1d.7/0",
		"0000:00:1d.7 can do DMA (bus master on); write access may let web1 read and write "
		"all of dom0's memory",
		"dma-capable",
		"grant only doorbell pages and pass --allow=dma-capable; all that would be needed: "
		"--allow=driver-bound,dma-capable,shared-page",
		6);
	ran = run_on(*machine, {"check", "web1", "00:1d.7/0", "--allow=dma-capable"});
	EXPECT_TRUE(ran.out.ends_with("all that would be needed: "
				      "--allow=driver-bound,dma-capable,shared-page\n"))
		<< ran.out;
	EXPECT_EQ(run_on(*machine, {"check", "web1", "00:1d.7/0",
					   "--allow=driver-bound,dma-capable,shared-page"})
			  .status,
		0);
}

TEST_F(Judged, segments_that_xen_cannot_name_are_seen_and_refused)
{
	tree.add("10000:e1:00.0").class_code(0x010802).memory64(0, 0x8c000000, 0x4000);
	machine_ = std::make_unique<FakeMachine>(tree.root());
	machine = machine_.get();
	const auto* message =
		"10000:e1:00.0 is in segment 0x10000; Xen and the module name segments "
		"up to 0xffff";
	refused("10000:e1:00.0/0", message, "segment-too-wide", "", 9);
	const auto ran = run_on(*machine, {"bars"});
	EXPECT_NE(ran.out.find("DEVICE 10000:e1:00.0"), std::string::npos);
	EXPECT_NE(ran.out.find(std::string("no: ") + message), std::string::npos);
}
