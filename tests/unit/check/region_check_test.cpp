// SPDX-License-Identifier: GPL-2.0-or-later
// The checks of BARs and their pages.
#include "tests/unit/check/checked_region.h"

using namespace iomemgrant;

TEST_F(CheckedRegion, an_idle_device_may_be_granted)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000);
	EXPECT_EQ(against("03:00.0/2"), Findings{});
	EXPECT_EQ(against("03:00.0/2@0x7000+0x1000"), Findings{});
}

TEST_F(CheckedRegion, bars_that_are_no_memory)
{
	tree.add(nic)
		.memory(0, 0xfe000000, 0x1000)
		.memory64(2, 0xdd000000, 0x8000)
		.io(4, 0xc000, 32);
	tree.add("0000:04:00.0").io(0, 0xd000, 32).unassigned(2, 0x4000);
	tree.add("0000:05:00.0");
	EXPECT_EQ(against("03:00.0/4"),
		(Findings{{"0000:03:00.0 BAR4 is an I/O port range, not memory [bar-io]",
			"memory BARs: 0, 2", 3}}));
	EXPECT_EQ(against("03:00.0/3"),
		(Findings{{"0000:03:00.0 BAR3 is the upper half of 64-bit BAR2 [bar-upper-half]",
			"memory BARs: 0, 2", 3}}));
	EXPECT_EQ(against("03:00.0/5"),
		(Findings{{"0000:03:00.0 has no BAR5 [no-bar]", "memory BARs: 0, 2", 3}}));
	EXPECT_EQ(against("05:00.0/0"), (Findings{{"0000:05:00.0 has no BAR0 [no-bar]",
						"this device has no memory BAR", 3}}));
	EXPECT_EQ(against("04:00.0/2"),
		(Findings{{"BAR2 has no address (firmware or kernel did not assign it) "
			   "[bar-unassigned]",
			"dmesg | grep \"BAR 2\"", 9}}));
}

TEST_F(CheckedRegion, ranges_outside_the_bar)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000);
	const Said past{"0x7000+0x2000 ends at 0x9000, past BAR2's 0x8000 bytes [range-past-end]",
		"nearest page range: 0x7000+0x1000", 2};
	EXPECT_EQ(against("03:00.0/2@0x7000+0x2000"), Findings{past});
	EXPECT_EQ(against("03:00.0/2@0x8000").at(0).exit, 2);

	const PciDevices devices(tree.root());
	const auto sbdf = *Sbdf::parse(nic);
	const auto slug = [&](std::uint64_t offset, std::uint64_t length) {
		return std::string(
			findings(devices, {sbdf, 2, offset, length}).at(0).error.kind().slug);
	};
	EXPECT_EQ(slug(0x4100, 0x1000), "unaligned");
	EXPECT_EQ(slug(0x4000, 0), "empty-range");
	EXPECT_EQ(slug(~0ULL << 12, 0x2000), "bad-size");
}

TEST_F(CheckedRegion, pages_of_msix)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000).msix(64, 2, 0x7000, 2, 0x7800);
	const Said table{"page 7 of BAR2 holds the MSI-X table; writing it makes the device write "
			 "to any address [msix-table]",
		"exclude it (2@0+28K); no --allow lifts this", 6};
	EXPECT_EQ(against("03:00.0/2"), Findings{table});
	EXPECT_EQ(against("03:00.0/2@0+28K"), Findings{});
	EXPECT_EQ(against("03:00.0/2", "msix-table"), Findings{table});
	EXPECT_EQ(against("03:00.0/2", "driver-bound"), Findings{table});

	tree.add("0000:04:00.0").memory(0, 0xde000000, 0x10000).msix(512, 0, 0, 0, 0x4000);
	EXPECT_EQ(against("04:00.0/0"),
		(Findings{{"pages 0-1 of BAR0 hold the MSI-X table; writing it makes the device "
			   "write to any address [msix-table]",
				  "exclude them (0@20K+44K); no --allow lifts this", 6},
			{"page 4 of BAR0 holds the MSI-X pending bits; Xen write-protects it while "
			 "MSI-X is set up, and a guest's write would fault [msix-table]",
				"exclude it (0@20K+44K); no --allow lifts this", 6}}));
	EXPECT_EQ(against("04:00.0/0@0+4K").at(0).hint,
		"choose another range; no --allow lifts this");
}

TEST_F(CheckedRegion, msix_in_a_bar_that_is_not_there_may_be_anywhere)
{
	tree.add(nic).memory(0, 0xfe010000, 0x4000).io(4, 0xc000, 32).msix(8, 7, 0, 7, 0x800);
	const Findings reserved{{"0000:03:00.0 places its MSI-X table in BAR7, which is no memory "
				 "BAR; any page may hold a part of it [msix-table]",
		"no --allow lifts this", 6}};
	EXPECT_EQ(against("03:00.0/0"), reserved);
	EXPECT_EQ(against("03:00.0/0@12K+4K", "msix-table"), reserved);
	// An I/O BAR, the upper half of another, and one that is absent.
	tree.add("0000:04:00.0")
		.memory(0, 0xfe020000, 0x1000)
		.io(4, 0xc100, 32)
		.msix(8, 4, 0, 0, 0);
	tree.add("0000:05:00.0").memory64(0, 0x400000000, 0x1000).msix(8, 0, 0x4000, 1, 0);
	tree.add("0000:06:00.0").memory(0, 0xfe030000, 0x1000).msix(8, 0, 0x4000, 2, 0);
	EXPECT_EQ(against("04:00.0/0").at(0).exit, 6);
	EXPECT_EQ(against("05:00.0/0").at(0).text,
		"0000:05:00.0 places its MSI-X pending bits in BAR1, which is no memory BAR; any "
		"page may hold a part of it [msix-table]");
	EXPECT_EQ(against("06:00.0/0").size(), 1U);
}

TEST_F(CheckedRegion, capabilities_that_cannot_be_read)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).msix(1, 0, 0, 0, 0x800).truncate(64);
	EXPECT_EQ(against("03:00.0/0", "msix-table"),
		(Findings{{"the capabilities of 0000:03:00.0 cannot be read; an MSI-X table may be "
			   "anywhere in it [permission]",
			"run as root", 4}}));
}

TEST_F(CheckedRegion, a_bar_that_the_kernel_gave_up_is_not_absent)
{
	tree.add("0000:05:00.0").config(0x10, 0x71000000, 4).config(0x14, 0x71800000, 4);
	tree.add("0000:06:00.0").memory(0, 0x71000000, 0x10000).config(0x10, 0x71000000, 4);
	EXPECT_EQ(against("05:00.0/0"),
		(Findings{{"BAR0 has no address (the kernel gave up 0x71000000, which the device "
			   "still holds) [bar-unassigned]",
			"dmesg | grep \"BAR 0\"", 9}}));
	EXPECT_EQ(against("06:00.0/0"),
		(Findings{{"0000:05:00.0 BAR0 may still answer at 0x71000000, which the kernel has "
			   "given to BAR0 [shared-page]",
			"turn its decoding off (setpci -s 0000:05:00.0 COMMAND=0:2), or "
			"--allow=shared-page",
			6}}));
	EXPECT_EQ(against("06:00.0/0", "shared-page"), Findings{});
}

TEST_F(CheckedRegion, a_register_without_decoding_and_one_that_says_nothing_share_no_page)
{
	// Decoding off; asleep; a virtual function; Enhanced Allocation; an I/O register.
	tree.add("0000:05:00.0").config(0x10, 0x71000000, 4).command(0);
	tree.add("0000:05:00.1").config(0x10, 0x71000000, 4).file("power_state", "D3hot\n");
	tree.add("0000:05:00.2").config(0x10, 0x71000000, 4).link("physfn", "../0000:05:00.0");
	tree.add("0000:05:00.3")
		.config(0x10, 0x71000000, 4)
		.config(0x06, 0x10, 2)
		.config(0x34, 0x40, 1)
		.config(0x40, 0x14, 2);
	tree.add("0000:05:00.4").config(0x10, 0x71000001, 4);
	tree.add("0000:06:00.0").memory(0, 0x71000000, 0x10000);
	EXPECT_EQ(against("06:00.0/0"), Findings{});
}

TEST_F(CheckedRegion, pages_shared_with_another_bar)
{
	tree.add("0000:00:1f.2").memory(5, 0xfebd9000, 0x100).memory(0, 0xfebda000, 0x1000);
	tree.add("0000:00:1f.3").memory(0, 0xfebd9400, 0x100).io(1, 0xfebd9000, 0x20);
	const Findings shared{{"BAR5 (256 bytes) shares page 0xfebd9000 with 0000:00:1f.3 BAR0; "
			       "granting it would expose that device [shared-page]",
		"boot dom0 with pci=resource_alignment=12@0000:00:1f.2 and turn decoding on again "
		"(setpci -s 0000:00:1f.2 COMMAND=2:2), or --allow=shared-page",
		6}};
	EXPECT_EQ(against("00:1f.2/5"), shared);
	EXPECT_EQ(against("00:1f.2/5", "shared-page"), Findings{});
	EXPECT_EQ(against("00:1f.2/0"), Findings{});
	EXPECT_EQ(against("00:1f.3/0").size(), 1U);
}

TEST_F(CheckedRegion, a_small_bar_alone_in_its_page_is_one_page)
{
	tree.add(nic).memory(0, 0xfebd9000, 0x100);
	EXPECT_EQ(against("03:00.0/0"), Findings{});
	EXPECT_EQ(against("03:00.0/0@0+4K"), Findings{});
	EXPECT_EQ(against("03:00.0/0@0+8K").at(0).exit, 2);
}

TEST_F(CheckedRegion, what_is_before_a_small_bar_cannot_be_reserved)
{
	tree.add(nic).memory(0, 0xfebd9100, 0x100);
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{{"BAR0 (256 bytes) begins in the middle of page 0xfebd9000; what is "
			   "before it cannot be kept free [shared-page]",
			"boot dom0 with pci=resource_alignment=12@0000:03:00.0 and turn decoding "
			"on "
			"again (setpci -s 0000:03:00.0 COMMAND=2:2), or --allow=shared-page",
			6}}));
	EXPECT_EQ(against("03:00.0/0", "shared-page"), Findings{});
}

TEST_F(CheckedRegion, everything_is_said_at_once_worst_first)
{
	tree.add(nic)
		.memory(0, 0xfe000000, 0x1000)
		.msix(1, 0, 0, 0, 0x800)
		.command(4)
		.driver("nvme");
	std::string slugs;
	for (const auto& said : against("03:00.0/0"))
		slugs += said.text.substr(said.text.rfind('['));
	EXPECT_EQ(slugs, "[msix-table][dma-capable][driver-bound][decode-off]");
	slugs.clear();
	for (const auto& said : against("03:00.0/0", "msix-table,driver-bound"))
		slugs += said.text.substr(said.text.rfind('['));
	EXPECT_EQ(slugs, "[msix-table][dma-capable][decode-off]");
}

TEST_F(CheckedRegion, pages_that_mirror_the_configuration_space)
{
	tree.add("0000:01:00.0")
		.id(0x10de, 0x2f04)
		.class_code(0x030000)
		.memory(0, 0xf0000000, 0x4000000);
	tree.add("0000:02:00.0")
		.id(0x10ec, 0x8168)
		.class_code(0x020000)
		.memory64(2, 0xe0000000, 0x1000);
	tree.add("0000:03:00.0")
		.id(0x10de, 0x2f04)
		.class_code(0x040300)
		.memory(0, 0xf8000000, 0x4000);
	EXPECT_EQ(against("01:00.0/0@544K+4K"),
		(Findings{{"page 136 of BAR0 reaches configuration space of this NVIDIA GPU as "
			   "well; web1 could turn on bus mastering and move BARs there "
			   "[config-mirror]",
			"choose other pages, or --allow=config-mirror", 6}}));
	EXPECT_EQ(against("01:00.0/0@544K+4K", "config-mirror"), Findings{});
	EXPECT_EQ(against("01:00.0/0").size(), 2U);
	EXPECT_EQ(against("01:00.0/0@548K+4K"), Findings{});
	EXPECT_EQ(against("02:00.0/2").size(), 1U);
	EXPECT_EQ(against("03:00.0/0"), Findings{});
}

TEST_F(CheckedRegion, pages_that_are_reserved_without_a_driver)
{
	tree.add("0000:00:1b.0").memory(0, 0xfe604000, 0x1000).memory(1, 0xfe600000, 0x2000);
	tree.add("0000:00:1c.0").memory(0, 0xfe700000, 0x2000).driver("nvme");
	tree.iomem("00000000-00000fff : Reserved\n"
		   "fe600000-fe7fffff : PCI Bus 0000:00\n"
		   "  fe600000-fe601fff : 0000:00:1b.0\n"
		   "    fe601000-fe601fff : APEI ERST\n"
		   "  fe604000-fe60400f : 0000:00:1b.0\n"
		   "    fe604000-fe60400f : xen_iomemgrant\n"
		   "  fe700000-fe701fff : 0000:00:1c.0\n"
		   "    fe700000-fe700fff : nvme\n"
		   "    fe701000-fe701fff : BOOTFB\n");
	EXPECT_EQ(against("00:1b.0/1", "driver-bound"),
		(Findings{
			{"page 1 of BAR1 is reserved by 'APEI ERST' in dom0, which is no driver of "
			 "the device [region-busy]",
				"choose pages that /proc/iomem shows nothing in", 5}}));
	EXPECT_EQ(against("00:1b.0/1@0+4K"), Findings{});
	EXPECT_EQ(against("00:1b.0/0"), Findings{});
	// What the driver has reserved is lent with --allow=driver-bound, and nothing else.
	EXPECT_EQ(against("00:1c.0/0@0+4K", "driver-bound"), Findings{});
	EXPECT_EQ(against("00:1c.0/0@4K+4K", "driver-bound").at(0).exit, 5);
}
