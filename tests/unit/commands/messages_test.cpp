// SPDX-License-Identifier: GPL-2.0-or-later
// Every refusal, literally, as text and as JSON.  The messages are part of the product: people
// search for them, scripts match their slugs.
#include <cerrno>

#include "tests/unit/commands/messages.h"
#include "tests/unit/support/answer.h"

using namespace iomemgrant;

TEST_F(Messages, m01_an_address_that_is_none)
{
	refused("0000:82.0.0/2", "'0000:82.0.0' is not a PCI address (want [DDDD:]BB:SS.F)",
		"bad-bdf", "did you mean 0000:82:00.0?", 2);
	// Leading zeros may be left out.
	EXPECT_EQ(run_on(*machine, {"check", "web1", "3:0.0/2"}).status, 0);
}

TEST_F(Messages, m02_no_such_device)
{
	refused("0000:82:00.0/0", "no PCI device 0000:82:00.0 in this domain", "no-device",
		"xen-iomemgrant bars", 3);
	refused("0000:03:00.1/0", "no PCI device 0000:03:00.1 in this domain", "no-device",
		"did you mean 0000:03:00.0? xen-iomemgrant bars", 3);
}

TEST_F(Messages, m03_to_m06_bars_that_are_no_memory)
{
	refused("03:00.0/7", "BAR '7' out of range 0-5", "bad-bar",
		"xen-iomemgrant bars shows the BARs of each device", 2);
	refused("03:00.0/4", "0000:03:00.0 BAR4 is an I/O port range, not memory", "bar-io",
		"memory BARs: 0, 2", 3);
	refused("03:00.0/3", "0000:03:00.0 BAR3 is the upper half of 64-bit BAR2", "bar-upper-half",
		"memory BARs: 0, 2", 3);
	refused("03:00.0/5", "0000:03:00.0 has no BAR5", "no-bar", "memory BARs: 0, 2", 3);
	refused("04:00.0/2", "BAR2 has no address (firmware or kernel did not assign it)",
		"bar-unassigned", "dmesg | grep \"BAR 2\"", 9);
	refused("03:00.0/rom", "the expansion ROM is never granted", "bar-rom",
		"memory BARs are numbered 0 to 5", 6);
}

TEST_F(Messages, m07_to_m09_ranges)
{
	refused("03:00.0/2@0x4100+4K", "offset 0x4100 is not a multiple of 4096", "unaligned",
		"nearest page ranges: 0x4000+0x2000", 2);
	refused("03:00.0/2@0x4100", "offset 0x4100 is not a multiple of 4096", "unaligned",
		"nearest page ranges: 0x4000+0x1000", 2);
	refused("03:00.0/2@0x7000+0x2000", "0x7000+0x2000 ends at 0x9000, past BAR2's 0x8000 bytes",
		"range-past-end", "nearest page range: 0x7000+0x1000", 2);
	refused("03:00.0/2@1M+1M", "0x100000+0x100000 ends at 0x200000, past BAR2's 0x8000 bytes",
		"range-past-end", "nearest page range: 0x7000+0x1000", 2);
	refused("03:00.0/2@0+0", "length must be at least one page (4096)", "empty-range", "", 2);
}

TEST_F(Messages, m10_a_page_of_two_devices)
{
	refused("00:1f.2/5",
		"BAR5 (256 bytes) shares page 0xfebd9000 with 0000:00:1f.3 BAR0; granting it would "
		"expose that device",
		"shared-page",
		"boot dom0 with pci=resource_alignment=12@0000:00:1f.2 and turn decoding on again "
		"(setpci -s 0000:00:1f.2 COMMAND=2:2), or --allow=shared-page",
		6);
}

TEST_F(Messages, m11_the_interrupt_table)
{
	refused("05:00.0/2",
		"page 7 of BAR2 holds the MSI-X table; writing it makes the device write to any "
		"address",
		"msix-table", "exclude it (2@0+28K); no --allow lifts this", 6);
	// The override waits for grants that cannot be written.
	refused("05:00.0/2",
		"page 7 of BAR2 holds the MSI-X table; writing it makes the device write to any "
		"address",
		"msix-table", "exclude it (2@0+28K); no --allow lifts this", 6,
		{"--allow=msix-table"});
	refused("05:00.0/2",
		"read-only grants are not supported: Xen cannot yet keep a guest from writing a "
		"granted I/O page",
		"read-only-unsupported", "leave --read-only out if the guest may also write", 9,
		{"--read-only", "--allow=msix-table"});
}

TEST_F(Messages, m12_to_m14_the_state_of_the_device)
{
	refused("06:00.0/0", "0000:06:00.0 is driven by 'i40e' in dom0", "driver-bound",
		"unbind it, or --allow=driver-bound to share", 6);
	refused("07:00.0/0",
		"0000:07:00.0 can do DMA (bus master on); write access may let web1 read and write "
		"all "
		"of dom0's memory",
		"dma-capable", "grant only doorbell pages and pass --allow=dma-capable", 6);
	refused("08:00.0/0",
		"memory decoding is off (device in D3hot); reads would give 0 or all ones",
		"decode-off", "echo on > /sys/bus/pci/devices/0000:08:00.0/power/control", 6);
	refused("0c:00.0/0", "0000:0c:00.0 is a bridge; the host itself depends on it",
		"critical-device", "pass --allow=critical-device if you are sure", 6);
}

TEST_F(Messages, m15_what_is_no_memory_of_a_device)
{
	refused("09:00.0/0", "0xfee00000 belongs to the local APIC, which Xen never lends",
		"xen-reserved", "", 6);
	machine->grants.refuse = [](const GrantRequest&) { return GrantRefused::Reason::not_mmio; };
	refused("03:00.0/0", "0xfe000000 is not device memory", "not-mmio", "", 6);
}

TEST_F(Messages, m16_domains_that_are_none)
{
	DomainInfo web2;
	web2.id = Domid(6);
	machine->xen.list.push_back(web2);
	machine->xs.write("/local/domain/6/name", "web2");
	expect({"grant", "web9", "03:00.0/0"}, "no domain named 'web9'", "no-domain",
		"closest: web1, web2", 3);
	expect({"grant", "WEB1", "03:00.0/0"}, "no domain named 'WEB1'", "no-domain",
		"closest: web1, web2", 3);
	expect({"grant", "4711", "03:00.0/0"}, "no domain with id 4711", "no-domain", "xl list", 3);
	for (const auto* self : {"0", "Domain-0"})
		expect({"grant", self, "03:00.0/0"}, "domain 0 already owns this device",
			"self-grant", "name a guest; xl list shows them", 2);
}

TEST_F(Messages, m17_a_number_that_is_also_a_name)
{
	DomainInfo db, twelve;
	db.id = Domid(12);
	twelve.id = Domid(30);
	machine->xen.list.push_back(db);
	machine->xen.list.push_back(twelve);
	machine->xs.write("/local/domain/12/name", "db");
	machine->xs.write("/local/domain/30/name", "12");
	expect({"grant", "12", "03:00.0/0"},
		"'12' is domain id 12 (db) but a domain is also NAMED '12' (id 30)",
		"ambiguous-domain", "use id:12 or name:12", 2);
}

TEST_F(Messages, m18_cacheable_mappings)
{
	refused("03:00.0/0", "cacheable mappings of MMIO are not allowed (XSA-154)", "cache-wb",
		"use uc (default) or wc", 2, {"--cache=wb"});
	const auto ran =
		run_on(*machine, {"grant", "web1", "03:00.0/0", "--cache=wc", "--no-wait"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.err, "xen-iomemgrant: warning: BAR0 is not prefetchable; write-combining may "
			   "reorder or merge writes to registers\n");
}

TEST_F(Messages, m19_pages_that_are_granted_already)
{
	Grant grant;
	grant.id = GrantId(12);
	grant.domid = Domid(7);
	grant.region = {*Sbdf::parse("03:00.0"), 2, 0x4000, 0x2000};
	machine->grants.grants = {grant};
	DomainInfo db2;
	db2.id = Domid(7);
	machine->xen.list.push_back(db2);
	machine->xs.write("/local/domain/7/name", "db2");
	refused("03:00.0/2", "pages 4-5 of BAR2 are already granted to db2 (g12)", "overlap",
		"revoke g12 or choose another range", 5);
	refused("03:00.0/2@20K+4K", "page 5 of BAR2 is already granted to db2 (g12)", "overlap",
		"revoke g12 or choose another range", 5);
	expect({"grant", "web1", "03:00.0/0@0+8K", "03:00.0/0@4K+8K"},
		"page 1 of BAR0 is asked for twice", "overlap", "name each page once", 5);
}

TEST_F(Messages, m20_more_than_fits)
{
	// No grant is ever that large, so the other limits are not worth raising.
	refused("0a:00.0/0", "16 GiB are 4194304 pages; the module grants at most 1024 at once",
		"module-limit", "one grant has at most 262144 pages (1G): name several regions", 7);
	refused("0a:00.0/0@0+1G",
		"1 GiB needs 262144 grant refs; dom0 has 27136 free (gnttab_max_frames=64)",
		"gnttab-full", "boot Xen with gnttab_max_frames=576", 7);
	refused("0a:00.0/0@0+5M", "5 MiB are 1280 pages; the module grants at most 1024 at once",
		"module-limit",
		"echo 1280 > /sys/module/xen_iomemgrant/parameters/max_pages, here and in the "
		"guest",
		7);
	machine->grants.facts.nr_refs = 8000;
	refused("0a:00.0/0@0+1M",
		"1 MiB needs 256 grant refs; the module holds 8000 of at most 8192", "module-limit",
		"echo 8256 > /sys/module/xen_iomemgrant/parameters/max_refs", 7);
	machine->grants.facts.nr_refs = 0;
	refused("0b:00.0/0",
		"BAR0 lies at 0x180000000000, above the 16 TiB that grant table version 1 can name",
		"frame-too-wide",
		"boot dom0 with grant_table.version=2 and Xen with gnttab=max-ver:2", 9);
	machine->xen.table = {11, 16};
	machine->grants.facts.max_pages = 8192;
	refused("0a:00.0/0@0+17M",
		"17 MiB needs 4352 grant refs; dom0 has 2560 free (gnttab_max_frames=16)",
		"gnttab-full", "boot Xen with gnttab_max_frames=25", 7);
	machine->xen.table = {0, 16};
	refused("0a:00.0/0@0+17M",
		"17 MiB needs 4352 grant refs; dom0 has 8192 free (gnttab_max_frames=16), of which "
		"4096 are kept for other drivers",
		"gnttab-full", "boot Xen with gnttab_max_frames=25", 7);
}

TEST_F(Messages, m21_to_m23_a_machine_that_is_not_ready)
{
	machine->no_control = Error(kind::not_dom0,
		"not running as a Xen control domain (/proc/xen/capabilities lacks control_d)");
	refused("03:00.0/0",
		"not running as a Xen control domain (/proc/xen/capabilities lacks control_d)",
		"not-dom0", "", 9);
	machine->no_control.reset();
	machine->no_device =
		Error(kind::no_module, "/dev/xen/iomemgrant is missing", "modprobe xen_iomemgrant");
	refused("03:00.0/0", "/dev/xen/iomemgrant is missing", "no-module",
		"modprobe xen_iomemgrant", 9);
	machine->no_device.reset();
	machine->grants.facts.hypervisor_support = false;
	refused("03:00.0/0",
		"hypervisor cannot grant MMIO (GNTMAP_iomem_map unsupported by Xen 4.17.5)",
		"no-hv-support", "install the patched Xen", 9);
}

TEST_F(Messages, m24_a_guest_that_is_silent)
{
	// The id differs between the two runs of expect().
	const auto ran = run_on(*machine, {"grant", "web1", "03:00.0/0"});
	EXPECT_EQ(ran.status, 8);
	EXPECT_EQ(ran.err,
		"xen-iomemgrant: error: web1 did not map g17 within 10s; grant withdrawn "
		"[peer-timeout]\n"
		"hint: is the module xen_iomemgrant loaded in the guest? --no-wait leaves the "
		"offer open\n");
	EXPECT_TRUE(machine->grants.grants.empty());
}

TEST_F(Messages, m25_a_guest_that_holds_on)
{
	guest_maps();
	EXPECT_EQ(run_on(*machine, {"grant", "web1", "03:00.0/2@16K+8K"}).status, 0);
	const auto ran = run_on(*machine, {"revoke", "g17"});
	EXPECT_EQ(ran.status, 5);
	EXPECT_EQ(ran.err,
		"xen-iomemgrant: error: g17 still mapped by web1 (2 of 2 pages) after 10s "
		"[still-mapped]\n"
		"hint: --force=disable-decode cuts the device off; --force=destroy-domain is last "
		"resort\n");
}

TEST_F(Messages, m26_domains_that_cannot_map_now)
{
	web1().paused = true;
	refused("03:00.0/0", "domain web1 (d5) is paused and cannot map anything", "domain-paused",
		"xl unpause web1, or --no-wait leaves the offer open", 5);
	EXPECT_EQ(run_on(*machine, {"check", "web1", "03:00.0/0", "--no-wait"}).status, 0);
	web1().paused = false;
	web1().dying = true;
	refused("03:00.0/0", "domain web1 (d5) is dying", "domain-dying", "start it again first",
		3);
	web1().dying = false;
	web1().shutdown = true;
	refused("03:00.0/0", "domain web1 (d5) is shut down", "domain-dying",
		"start it again first", 3);
	web1().suspended = true;
	refused("03:00.0/0", "domain web1 (d5) is being saved or migrated", "domain-migrating",
		"grant again where it runs", 5);
	web1().shutdown = web1().suspended = false;
	machine->xs.write("/local/domain/5/name", "web1--incoming");
	expect({"grant", "5", "03:00.0/0"},
		"domain web1--incoming (d5) is being restored or migrated here", "domain-migrating",
		"grant again where it runs", 5);
	machine->xs.write("/local/domain/5/name", "web1");
	machine->xs.write("/local/domain/5/target", "6");
	DomainInfo db;
	db.id = Domid(6);
	machine->xen.list.push_back(db);
	machine->xs.write("/local/domain/6/name", "db");
	refused("03:00.0/0", "domain web1 (d5) is the stub domain of db (d6)", "stub-domain",
		"grant to db", 3);
	machine->xs.nodes.erase("/local/domain/5/target");
	web1().type = DomainType::hvm;
	machine->xen.pod_pages = 4096;
	refused("03:00.0/0", "domain web1 (d5) populates its memory on demand (4096 pages to go)",
		"populate-on-demand",
		"wait until its balloon driver is done, or start it with maxmem equal to memory",
		5);
	web1().type = DomainType::pv;
	EXPECT_EQ(run_on(*machine, {"check", "web1", "03:00.0/0"}).status, 0);
}

TEST_F(Messages, another_device_at_the_address_of_a_grant)
{
	Grant grant;
	grant.id = GrantId(12);
	grant.domid = Domid(5);
	grant.region = {*Sbdf::parse("03:00.0"), 0, 0, 0x1000};
	grant.state = Grant::State::lost;
	grant.device_id = {0x8086, 0x1572, 0x8086, 1};
	machine->grants.grants = {grant};
	refused("03:00.0/2",
		"0000:03:00.0 was 8086:1572 (subsystem 8086:0001) when g12 was granted, and "
		"1234:11e8 "
		"(subsystem 1af4:1100) is there now",
		"device-changed", "revoke g12 first", 6,
		{"--allow=driver-bound,dma-capable,msix-table,shared-page,"
		 "critical-device,config-mirror,decode-off,overlap"});
	const auto shown = Answer(run_on(*machine, {"show", "g12", "--json"}).out)["grant"];
	EXPECT_EQ(shown["device"]["present"], false);
	EXPECT_EQ(shown["device"]["changed"], true);
	EXPECT_EQ(shown["device"]["subsystem_vendor"], "0x8086");
	EXPECT_NE(run_on(*machine, {"list"})
			  .out.find("(device gone; 1234:11e8 (subsystem 1af4:1100) "
				    "is there now)"),
		std::string::npos);
	const auto revoked = run_on(*machine, {"revoke", "g12"});
	EXPECT_EQ(revoked.status, 0);
	EXPECT_EQ(revoked.err, "xen-iomemgrant: warning: 0000:03:00.0 was 8086:1572 (subsystem "
			       "8086:0001) when g12 "
			       "was granted, and 1234:11e8 (subsystem 1af4:1100) is there now\n");
	EXPECT_EQ(run_on(*machine, {"check", "web1", "03:00.0/2"}).status, 0);
}
