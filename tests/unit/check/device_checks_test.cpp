// SPDX-License-Identifier: GPL-2.0-or-later
// The checks of a device as a whole.
#include "tests/unit/check/checked_region.h"

using namespace iomemgrant;

TEST_F(CheckedRegion, a_device_that_does_not_answer_is_dead_and_nothing_else)
{
	tree.add("0000:0c:00.0").memory(5, 0xb4500000, 0x80000).silent();
	tree.add("0000:0d:00.0")
		.memory(5, 0xb4600000, 0x80000)
		.file("power_state", "D3cold\n")
		.silent();
	tree.add("0000:0e:00.0")
		.memory(0, 0xb4700000, 0x1000)
		.msix(1, 0, 0, 0, 0)
		.config(0x41, 0x40, 1);
	EXPECT_EQ(against("0c:00.0/5@0+4K"),
		(Findings{{"0000:0c:00.0 does not answer: every read of its configuration space "
			   "gives ones [dead-device]",
			"echo 1 > /sys/bus/pci/devices/0000:0c:00.0/remove; "
			"echo 1 > /sys/bus/pci/rescan",
			9}}));
	EXPECT_EQ(against("0d:00.0/5@0+4K").at(0).hint,
		"echo on > /sys/bus/pci/devices/0000:0d:00.0/power/control");
	EXPECT_EQ(against("0e:00.0/0"),
		(Findings{{"the list of capabilities of 0000:0e:00.0 is broken; an MSI-X table may "
			   "be anywhere in it [dead-device]",
			"echo 1 > /sys/bus/pci/devices/0000:0e:00.0/remove; "
			"echo 1 > /sys/bus/pci/rescan",
			9}}));
}

TEST_F(CheckedRegion, a_bound_driver)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).driver("i40e");
	tree.add("0000:04:00.0").memory(0, 0xfe100000, 0x1000).driver("pciback");
	// User space does with these devices what a driver does.
	tree.add("0000:05:00.0").memory(0, 0xfe200000, 0x1000).driver("vfio-pci");
	tree.add("0000:06:00.0").memory(0, 0xfe300000, 0x1000).driver("mlx5_vfio_pci");
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{{"0000:03:00.0 is driven by 'i40e' in dom0 [driver-bound]",
			"unbind it, or --allow=driver-bound to share", 6}}));
	EXPECT_EQ(against("03:00.0/0", "driver-bound"), Findings{});
	EXPECT_EQ(against("04:00.0/0"), Findings{});
	EXPECT_EQ(against("05:00.0/0").at(0).text,
		"0000:05:00.0 is driven by 'vfio-pci' in dom0 [driver-bound]");
	EXPECT_EQ(against("06:00.0/0").size(), 1U);
}

TEST_F(CheckedRegion, a_bus_master)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).command(6);
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{
			{"0000:03:00.0 can do DMA (bus master on); write access may let web1 read "
			 "and write all of dom0's memory [dma-capable]",
				"grant only doorbell pages and pass --allow=dma-capable", 6}}));
	EXPECT_EQ(against("03:00.0/0", "dma-capable"), Findings{});
}

TEST_F(CheckedRegion, a_device_that_does_not_decode)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).command(0);
	tree.add("0000:04:00.0").memory(0, 0xfe100000, 0x1000).file("power_state", "D3hot\n");
	tree.add("0000:05:00.0")
		.memory(0, 0xfe200000, 0x1000)
		.command(0)
		.file("power_state", "unknown\n");
	EXPECT_EQ(against("03:00.0/0"),
		(Findings{{"memory decoding is off (device in D0); reads would give 0 or all ones "
			   "[decode-off]",
			"setpci -s 0000:03:00.0 COMMAND=2:2", 6}}));
	EXPECT_EQ(against("04:00.0/0"),
		(Findings{{"memory decoding is off (device in D3hot); reads would give 0 or all "
			   "ones [decode-off]",
			"echo on > /sys/bus/pci/devices/0000:04:00.0/power/control", 6}}));
	EXPECT_EQ(against("05:00.0/0").at(0).text, "memory decoding is off (its memory enable bit "
						   "is clear); reads would give 0 or all "
						   "ones [decode-off]");
	EXPECT_EQ(against("04:00.0/0", "decode-off"), Findings{});
}

TEST_F(CheckedRegion, a_virtual_function_whose_physical_one_does_not_decode_for_it)
{
	// The SR-IOV capability, at 0x160 behind another: its control register is at 8.
	const auto physical = [&](const char* bdf, std::uint32_t control) {
		auto device = tree.add(bdf);
		device.extended().command(6).config(0x100, 0x16010001, 4);
		device.config(0x160, 0x00010010, 4).config(0x168, control, 4);
	};
	const auto function = [&](const char* bdf, const std::string& of, std::uint64_t start) {
		tree.add(bdf).memory64(0, start, 0x4000).command(0).link("physfn", "../" + of);
	};
	physical("0000:02:00.0", 0x1);
	physical("0000:03:00.0", 0x9);
	tree.add("0000:04:00.0").command(0).file("power_state", "D3hot\n");
	function("0000:02:10.0", "0000:02:00.0", 0xf7b00000);
	function("0000:03:10.0", "0000:03:00.0", 0xf7c00000);
	function("0000:04:10.0", "0000:04:00.0", 0xf8b00000);
	EXPECT_EQ(against("02:10.0/0"),
		(Findings{{"memory decoding is off (0000:02:00.0 has VF memory space off); reads "
			   "would give 0 or all ones [decode-off]",
			"setpci -s 0000:02:00.0 ECAP_SRIOV+8.w=8:8", 6}}));
	EXPECT_EQ(against("03:10.0/0"), Findings{});
	EXPECT_EQ(against("04:10.0/0"),
		(Findings{
			{"memory decoding is off (its physical function 0000:04:00.0 is in D3hot); "
			 "reads would give 0 or all ones [decode-off]",
				"echo on > /sys/bus/pci/devices/0000:04:00.0/power/control", 6}}));
	EXPECT_EQ(against("02:10.0/0", "decode-off"), Findings{});
}

TEST_F(CheckedRegion, a_device_dom0_depends_on)
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

TEST_F(CheckedRegion, interrupt_controllers_are_never_lent)
{
	tree.add(nic).memory(0, 0xfee00000, 0x1000);
	EXPECT_EQ(against("03:00.0/0", "overlap,critical-device,shared-page,decode-off"),
		(Findings{{"0xfee00000 belongs to the local APIC, which Xen never lends "
			   "[xen-reserved]",
			"", 6}}));
}

TEST_F(CheckedRegion, what_the_chipset_needs_is_critical_and_cards_of_the_same_class_are_not)
{
	const auto role = [&](const char* bdf, std::uint32_t code) {
		tree.add(bdf).memory(0, 0xfe000000, 0x1000).class_code(code);
		const auto said = against((std::string(bdf) + "/0").c_str());
		tree.remove(bdf);
		return said.empty() ? std::string() : said.at(0).text;
	};
	const auto critical = [](const char* bdf, const char* what) {
		return std::string(bdf) + " is " + what +
		       "; the host itself depends on it [critical-device]";
	};
	EXPECT_EQ(role("0000:00:1f.5", 0x0c8000),
		critical("0000:00:1f.5",
			"a controller of serial buses, as of the firmware's flash"));
	EXPECT_EQ(role("0000:00:1f.4", 0x0c0500), critical("0000:00:1f.4", "the SMBus"));
	EXPECT_EQ(role("0000:00:14.2", 0x050000), critical("0000:00:14.2", "a memory controller"));
	EXPECT_EQ(role("0000:00:1f.2", 0x058000), critical("0000:00:1f.2", "a memory controller"));
	EXPECT_EQ(role("0000:00:04.0", 0x118000),
		critical("0000:00:04.0", "a controller of power and heat"));
	EXPECT_EQ(role("0000:35:00.0", 0x050210),
		critical("0000:35:00.0", "a CXL memory controller"));
	EXPECT_EQ(role("0000:04:01.1", 0x080010),
		critical("0000:04:01.1", "an interrupt controller"));
	// An FPGA, a carrier card, an SD host, a watchdog; and a network card of the chipset.
	for (const auto& [bdf, code] :
		{std::pair{"0000:03:00.0", 0x058000U}, {"0000:03:00.0", 0x050000U},
			{"0000:03:00.0", 0x068000U}, {"0000:00:14.5", 0x080501U},
			{"0000:00:1f.6", 0x088000U}, {"0000:00:19.0", 0x020000U}})
		EXPECT_EQ(role(bdf, code), "") << bdf << " " << code;
	// Shared memory of a virtual machine.
	tree.add("0000:00:05.0")
		.memory(0, 0xfe000000, 0x1000)
		.class_code(0x050000)
		.id(0x1af4, 0x1110);
	EXPECT_EQ(against("00:05.0/0"), Findings{});
}

TEST_F(CheckedRegion, devices_behind_vmd_own_its_windows)
{
	tree.add("0000:00:0e.0")
		.id(0x8086, 0x467f)
		.class_code(0x010400)
		.memory64(0, 0x6202000000, 0x2000000)
		.memory(2, 0x8c000000, 0x2000000)
		.folder("pci10000:e0");
	tree.add("10000:e1:00.0").class_code(0x010802).memory64(0, 0x8c000000, 0x4000);
	EXPECT_EQ(against("00:0e.0/2@0+4K"),
		(Findings{{"BAR2 (32 MiB) shares page 0x8c000000 with 10000:e1:00.0 BAR0; granting "
			   "it would expose that device [shared-page]",
				  "boot dom0 with pci=resource_alignment=12@0000:00:0e.0 and turn "
				  "decoding on again (setpci -s 0000:00:0e.0 COMMAND=2:2), or "
				  "--allow=shared-page",
				  6},
			{"0000:00:0e.0 is the window to other devices; the host itself depends on "
			 "it [critical-device]",
				"pass --allow=critical-device if you are sure", 6}}));
	EXPECT_EQ(against("10000:e1:00.0/0").at(0),
		(Said{"10000:e1:00.0 is in segment 0x10000; Xen and the module name segments up to "
		      "0xffff [segment-too-wide]",
			"", 9}));
	// Without its driver there is no bus, and its BARs are configuration space all the same.
	PciTree unbound;
	unbound.add("0000:00:0e.0")
		.id(0x8086, 0x467f)
		.class_code(0x010400)
		.memory64(0, 0x6202000000, 0x2000000);
	const PciDevices devices(unbound.root());
	const auto found = findings(devices, RegionSpec::parse("00:0e.0/0"));
	ASSERT_EQ(found.size(), 1U);
	EXPECT_EQ(found[0].error.kind(), kind::critical_device);
}
