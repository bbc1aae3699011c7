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
		for (const auto& hazard :
			hazards(devices, settle(devices, RegionSpec::parse(region)), "web1")) {
			if (!hazard.lifted_by(set))
				said.push_back(error_of([&]() -> int { throw hazard.error; }));
		}
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

TEST_F(Safety, ranges_outside_the_bar)
{
	tree.add(nic).memory64(2, 0xdd000000, 0x8000);
	const Said past{
		"0x7000+0x2000 ends at 0x9000, past BAR2's 0x8000 bytes [range-past-end]",
		"nearest page range: 0x7000+0x1000", 2};
	EXPECT_EQ(against("03:00.0/2@0x7000+0x2000"), Findings{past});
	EXPECT_EQ(against("03:00.0/2@0x8000").at(0).exit, 2);

	const PciDevices devices(tree.root());
	const auto sbdf = *Sbdf::parse(nic);
	const auto slug = [&](std::uint64_t offset, std::uint64_t length) {
		return std::string(
			hazards(devices, {sbdf, 2, offset, length}).at(0).error.kind().slug);
	};
	EXPECT_EQ(slug(0x4100, 0x1000), "unaligned");
	EXPECT_EQ(slug(0x4000, 0), "empty-range");
	EXPECT_EQ(slug(~0ULL << 12, 0x2000), "bad-size");
}

TEST_F(Safety, pages_of_msix)
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
				  "exclude them (0@20K+44K); no --allow lifts this",
				  6},
			{"page 4 of BAR0 holds the MSI-X pending bits; Xen write-protects it while "
			 "MSI-X is set up, and a guest's write would fault [msix-table]",
				"exclude it (0@20K+44K); no --allow lifts this", 6}}));
	EXPECT_EQ(against("04:00.0/0@0+4K").at(0).hint,
		"choose another range; no --allow lifts this");
}

TEST_F(Safety, msix_in_a_bar_that_is_not_there_may_be_anywhere)
{
	tree.add(nic).memory(0, 0xfe010000, 0x4000).io(4, 0xc000, 32).msix(8, 7, 0, 7, 0x800);
	const Findings reserved{{"0000:03:00.0 places its MSI-X table in BAR7, which is no memory "
				 "BAR; any page may hold a part of it [msix-table]",
		"no --allow lifts this", 6}};
	EXPECT_EQ(against("03:00.0/0"), reserved);
	EXPECT_EQ(against("03:00.0/0@12K+4K", "msix-table"), reserved);
	// An I/O BAR, the upper half of another, and one that is absent.
	tree.add("0000:04:00.0").memory(0, 0xfe020000, 0x1000).io(4, 0xc100, 32).msix(8, 4, 0, 0, 0);
	tree.add("0000:05:00.0").memory64(0, 0x400000000, 0x1000).msix(8, 0, 0x4000, 1, 0);
	tree.add("0000:06:00.0").memory(0, 0xfe030000, 0x1000).msix(8, 0, 0x4000, 2, 0);
	EXPECT_EQ(against("04:00.0/0").at(0).exit, 6);
	EXPECT_EQ(against("05:00.0/0").at(0).text,
		"0000:05:00.0 places its MSI-X pending bits in BAR1, which is no memory BAR; any "
		"page may hold a part of it [msix-table]");
	EXPECT_EQ(against("06:00.0/0").size(), 1U);
}

TEST_F(Safety, capabilities_that_cannot_be_read)
{
	tree.add(nic).memory(0, 0xfe000000, 0x1000).msix(1, 0, 0, 0, 0x800).truncate(64);
	EXPECT_EQ(against("03:00.0/0", "msix-table"),
		(Findings{{"the capabilities of 0000:03:00.0 cannot be read; an MSI-X table may be "
			   "anywhere in it [permission]",
			"run as root", 4}}));
}

TEST_F(Safety, a_device_that_does_not_answer_is_dead_and_nothing_else)
{
	tree.add("0000:0c:00.0").memory(5, 0xb4500000, 0x80000).silent();
	tree.add("0000:0d:00.0")
		.memory(5, 0xb4600000, 0x80000)
		.file("power_state", "D3cold\n")
		.silent();
	tree.add("0000:0e:00.0").memory(0, 0xb4700000, 0x1000).msix(1, 0, 0, 0, 0).config(0x41, 0x40, 1);
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

TEST_F(Safety, a_bar_that_the_kernel_gave_up_is_not_absent)
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

TEST_F(Safety, a_register_without_decoding_and_one_that_says_nothing_share_no_page)
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

TEST_F(Safety, pages_shared_with_another_bar)
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
			"boot dom0 with pci=resource_alignment=12@0000:03:00.0 and turn decoding on "
			"again (setpci -s 0000:03:00.0 COMMAND=2:2), or --allow=shared-page",
			6}}));
	EXPECT_EQ(against("03:00.0/0", "shared-page"), Findings{});
}

TEST_F(Safety, a_bound_driver)
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
	EXPECT_EQ(against("05:00.0/0").at(0).text,
		"memory decoding is off (its memory enable bit is clear); reads would give 0 or all "
		"ones [decode-off]");
	EXPECT_EQ(against("04:00.0/0", "decode-off"), Findings{});
}

TEST_F(Safety, a_virtual_function_whose_physical_one_does_not_decode_for_it)
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
		(Findings{{"memory decoding is off (its physical function 0000:04:00.0 is in D3hot); "
			   "reads would give 0 or all ones [decode-off]",
			"echo on > /sys/bus/pci/devices/0000:04:00.0/power/control", 6}}));
	EXPECT_EQ(against("02:10.0/0", "decode-off"), Findings{});
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

TEST_F(Safety, what_the_chipset_needs_is_critical_and_cards_of_the_same_class_are_not)
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
	EXPECT_EQ(role("0000:00:14.2", 0x050000),
		critical("0000:00:14.2", "a memory controller"));
	EXPECT_EQ(role("0000:00:1f.2", 0x058000),
		critical("0000:00:1f.2", "a memory controller"));
	EXPECT_EQ(role("0000:00:04.0", 0x118000),
		critical("0000:00:04.0", "a controller of power and heat"));
	EXPECT_EQ(role("0000:35:00.0", 0x050210),
		critical("0000:35:00.0", "a CXL memory controller"));
	EXPECT_EQ(role("0000:04:01.1", 0x080010),
		critical("0000:04:01.1", "an interrupt controller"));
	// An FPGA, a carrier card, an SD host, a watchdog; and a network card of the chipset.
	for (const auto& [bdf, code] : {std::pair{"0000:03:00.0", 0x058000U},
		     {"0000:03:00.0", 0x050000U}, {"0000:03:00.0", 0x068000U},
		     {"0000:00:14.5", 0x080501U}, {"0000:00:1f.6", 0x088000U},
		     {"0000:00:19.0", 0x020000U}})
		EXPECT_EQ(role(bdf, code), "") << bdf << " " << code;
	// Shared memory of a virtual machine.
	tree.add("0000:00:05.0").memory(0, 0xfe000000, 0x1000).class_code(0x050000).id(0x1af4, 0x1110);
	EXPECT_EQ(against("00:05.0/0"), Findings{});
}

TEST_F(Safety, devices_behind_vmd_own_its_windows)
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
	const auto found = hazards(devices, settle(devices, RegionSpec::parse("00:0e.0/0")));
	ASSERT_EQ(found.size(), 1U);
	EXPECT_EQ(found[0].error.kind(), kind::critical_device);
}

TEST_F(Safety, pages_that_mirror_the_configuration_space)
{
	tree.add("0000:01:00.0")
		.id(0x10de, 0x2f04)
		.class_code(0x030000)
		.memory(0, 0xf0000000, 0x4000000);
	tree.add("0000:02:00.0").id(0x10ec, 0x8168).class_code(0x020000).memory64(2, 0xe0000000, 0x1000);
	tree.add("0000:03:00.0").id(0x10de, 0x2f04).class_code(0x040300).memory(0, 0xf8000000, 0x4000);
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

TEST_F(Safety, pages_that_are_reserved_without_a_driver)
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
		(Findings{{"page 1 of BAR1 is reserved by 'APEI ERST' in dom0, which is no driver of "
			   "the device [region-busy]",
			"choose pages that /proc/iomem shows nothing in", 5}}));
	EXPECT_EQ(against("00:1b.0/1@0+4K"), Findings{});
	EXPECT_EQ(against("00:1b.0/0"), Findings{});
	// What the driver has reserved is lent with --allow=driver-bound, and nothing else.
	EXPECT_EQ(against("00:1c.0/0@0+4K", "driver-bound"), Findings{});
	EXPECT_EQ(against("00:1c.0/0@4K+4K", "driver-bound").at(0).exit, 5);
}
