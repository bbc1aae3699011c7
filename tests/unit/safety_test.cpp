// SPDX-License-Identifier: GPL-2.0-or-later
#include <iomemgrant/safety.h>

#include <gtest/gtest.h>

#include "error_of.h"
#include "pci_tree.h"

using namespace iomemgrant;

namespace
{

constexpr const char* nic = "0000:03:00.0";

class Safety : public testing::Test
{
protected:
	/// What is said against granting @region, in order.
	std::vector<Said> against(const char* region, const char* allow = nullptr)
	{
		const PciDevices devices(tree.root());
		const auto set = allow ? AllowSet::parse(allow) : AllowSet();
		std::vector<Said> said;
		for (const auto& error :
			unsafe(devices, settle(devices, RegionSpec::parse(region)), set, "web1"))
			said.push_back(error_of([&error]() -> int { throw error; }));
		return said;
	}

	PciTree tree;
};

using Findings = std::vector<Said>;

} // namespace

TEST_F(Safety, an_idle_device_may_be_granted)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000);
	EXPECT_EQ(against("03:00.0/2"), Findings{});
	EXPECT_EQ(against("03:00.0/2@0x7000+0x1000"), Findings{});
}

TEST_F(Safety, bars_that_are_no_memory)
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
			"", 3}}));
	EXPECT_EQ(against("03:00.0/5"),
		(Findings{{"0000:03:00.0 has no BAR5 [no-bar]", "memory BARs: 0, 2", 3}}));
	EXPECT_EQ(against("05:00.0/0"), (Findings{{"0000:05:00.0 has no BAR0 [no-bar]",
						"this device has no memory BAR", 3}}));
	EXPECT_EQ(against("04:00.0/2"),
		(Findings{{"BAR2 has no address (firmware or kernel did not assign it) "
			   "[bar-unassigned]",
			"dmesg | grep \"BAR 2\"", 9}}));
}

TEST_F(Safety, ranges_outside_the_bar)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000);
	const Said past{
		"0x7000+0x2000 ends at 0x9000, past BAR2's 0x8000 bytes [range-past-end]", "", 2};
	EXPECT_EQ(against("03:00.0/2@0x7000+0x2000"), Findings{past});
	EXPECT_EQ(against("03:00.0/2@0x8000").at(0).exit, 2);

	const PciDevices devices(tree.root());
	const auto sbdf = *Sbdf::parse(nic);
	const auto slug = [&](std::uint64_t offset, std::uint64_t length) {
		return std::string(
			unsafe(devices, {sbdf, 2, offset, length}, {}).at(0).kind().slug);
	};
	EXPECT_EQ(slug(0x4100, 0x1000), "unaligned");
	EXPECT_EQ(slug(0x4000, 0), "empty-range");
	EXPECT_EQ(slug(~0ULL << 12, 0x2000), "bad-size");
}

TEST_F(Safety, pages_of_msix)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000).msix(64, 2, 0x7000, 2, 0x7800);
	const Said table{"page 7 of BAR2 holds the MSI-X table; Xen keeps it read-only and a guest "
			 "write would crash the guest [msix-table]",
		"exclude it (2@0+28K); no --allow lifts this", 6};
	EXPECT_EQ(against("03:00.0/2"), Findings{table});
	EXPECT_EQ(against("03:00.0/2@0+28K"), Findings{});
	EXPECT_EQ(against("03:00.0/2", "msix-table"), Findings{table});
	EXPECT_EQ(against("03:00.0/2", "driver-bound"), Findings{table});

	tree.add("0000:04:00.0").memory(0, 0xde000000, 0x10000).msix(512, 0, 0, 0, 0x4000);
	EXPECT_EQ(against("04:00.0/0"),
		(Findings{{"pages 0-1 of BAR0 hold the MSI-X table; Xen keeps them read-only and a "
			   "guest write would crash the guest [msix-table]",
				  "exclude them (0@20K+44K); no --allow lifts this",
				  6},
			{"page 4 of BAR0 holds the MSI-X pending bits; Xen keeps it read-only and "
			 "a "
			 "guest write would crash the guest [msix-table]",
				"exclude it (0@20K+44K); no --allow lifts this",
				6}}));
	EXPECT_EQ(against("04:00.0/0@0+4K").at(0).hint,
		"choose another range; no --allow lifts this");
}

TEST_F(Safety, capabilities_that_cannot_be_read)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).msix(1, 0, 0, 0, 0x800).truncate(64);
	EXPECT_EQ(against("03:00.0/0", "msix-table"),
		(Findings{{"the capabilities of 0000:03:00.0 cannot be read; an MSI-X table may be "
			   "anywhere in it [permission]",
			"run as root, with the device in D0", 4}}));
}

TEST_F(Safety, pages_shared_with_another_bar)
{
	tree.add("0000:00:1f.2").memory(5, 0xfebd9000, 0x100).memory(0, 0xfebda000, 0x1000);
	tree.add("0000:00:1f.3").memory(0, 0xfebd9400, 0x100).io(1, 0xfebd9000, 0x20);
	const Findings shared{{"BAR5 (256 bytes) shares page 0xfebd9000 with 0000:00:1f.3 BAR0; "
			       "granting it would expose that device [shared-page]",
		"boot dom0 with pci=resource_alignment=12@0000:00:1f.2, or --allow=shared-page",
		6}};
	EXPECT_EQ(against("00:1f.2/5"), shared);
	EXPECT_EQ(against("00:1f.2/5", "shared-page"), Findings{});
	EXPECT_EQ(against("00:1f.2/0"), Findings{});
	EXPECT_EQ(against("00:1f.3/0").size(), 1U);
}

TEST_F(Safety, a_small_bar_alone_in_its_page_is_one_page)
{
	tree.add(nic).memory(0, 0xfebd9000, 0x100);
	EXPECT_EQ(against("03:00.0/0"), Findings{});
	EXPECT_EQ(against("03:00.0/0@0+4K"), Findings{});
	EXPECT_EQ(against("03:00.0/0@0+8K").at(0).exit, 2);
}

TEST_F(Safety, what_is_before_a_small_bar_cannot_be_reserved)
{
	tree.add(nic).memory(0, 0xfebd9100, 0x100);
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{{"BAR0 (256 bytes) begins in the middle of page 0xfebd9000; what is "
			   "before it cannot be kept free [shared-page]",
			"boot dom0 with pci=resource_alignment=12@0000:03:00.0, or "
			"--allow=shared-page",
			6}}));
	EXPECT_EQ(against("03:00.0/0", "shared-page"), Findings{});
}

TEST_F(Safety, a_bound_driver)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).driver("i40e");
	tree.add("0000:04:00.0").memory(0, 0xfe100000, 0x1000).driver("pciback");
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{{"0000:03:00.0 is driven by 'i40e' in dom0 [driver-bound]",
			"unbind it, or --allow=driver-bound to share", 6}}));
	EXPECT_EQ(against("03:00.0/0", "driver-bound"), Findings{});
	EXPECT_EQ(against("04:00.0/0"), Findings{});
}

TEST_F(Safety, a_bus_master)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).command(6);
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{
			{"0000:03:00.0 can do DMA (bus master on); write access may let web1 read "
			 "and write all of dom0's memory [dma-capable]",
				"grant only doorbell pages and pass --allow=dma-capable", 6}}));
	EXPECT_EQ(against("03:00.0/0", "dma-capable"), Findings{});
}

TEST_F(Safety, a_device_that_does_not_decode)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).command(0);
	tree.add("0000:04:00.0").memory(0, 0xfe100000, 0x1000).file("power_state", "D3hot\n");
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{{"memory decoding is off (device in D0); reads would return 0xff.. "
			   "[decode-off]",
			"echo 1 > /sys/bus/pci/devices/0000:03:00.0/enable", 6}}));
	EXPECT_EQ(against("04:00.0/0"),
		(Findings{{"memory decoding is off (device in D3hot); reads would return 0xff.. "
			   "[decode-off]",
			"echo on > /sys/bus/pci/devices/0000:04:00.0/power/control", 6}}));
	EXPECT_EQ(against("04:00.0/0", "decode-off"), Findings{});
}

TEST_F(Safety, a_device_dom0_depends_on)
{
	tree.add("0000:00:02.0")
		.memory(0, 0xfe000000, 0x1000)
		.class_code(0x030000)
		.file("boot_vga", "1\n");
	tree.add("0000:00:00.0").memory(0, 0xfe100000, 0x1000).class_code(0x060000);
	EXPECT_EQ(
		against("00:02.0/0"), (Findings{{"0000:00:02.0 is the boot display; the host "
						 "itself depends on it [critical-device]",
					      "pass --allow=critical-device if you are sure", 6}}));
	EXPECT_EQ(against("00:00.0/0").at(0).text,
		"0000:00:00.0 is a bridge; the host itself depends on it [critical-device]");
	EXPECT_EQ(against("00:00.0/0", "critical-device"), Findings{});
}

TEST_F(Safety, interrupt_controllers_are_never_lent)
{
	tree.add(nic).memory(0, 0xfee00000, 0x1000);
	EXPECT_EQ(against("03:00.0/0", "overlap,critical-device,shared-page,decode-off"),
		(Findings{{"0xfee00000 belongs to the local APIC, which Xen never lends "
			   "[xen-reserved]",
			"", 6}}));
}

TEST_F(Safety, everything_is_said_at_once_worst_first)
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
