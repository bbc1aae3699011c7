// SPDX-License-Identifier: GPL-2.0-or-later
// Hardware that no bench has: what check says of it.
#include <fstream>

#include <gtest/gtest.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

class RareHardware : public testing::Test
{
protected:
	/// The codes of all findings of a region, in order; "" when it can be granted.
	std::string check(const char* region)
	{
		FakeMachine machine(tree.root());
		machine.grants.facts.gnttab_version = gnttab_version;
		const auto ran = run_on(machine, {"check", "web1", region, "--json"});
		const auto document = Answer(ran.out);
		std::string codes;
		for (const auto& finding : document["regions"][0]["findings"].items())
			codes += (codes.empty() ? "" : ",") + finding["code"].text();
		EXPECT_EQ(ran.status == 0, codes.empty());
		return codes;
	}

	PciTree tree;
	std::uint32_t gnttab_version = 1;
};

} // namespace

TEST_F(RareHardware, bridges_are_critical_and_their_windows_are_no_registers)
{
	tree.add("0000:00:1c.0").memory(0, 0xfe200000, 0x1000).class_code(0x060400);
	// Two windows follow the ROM: what is behind the bridge lies in them.
	std::ofstream(tree.root() / "0000:00:1c.0/resource", std::ios::app)
		<< "0x00000000fe000000 0x00000000fe1fffff 0x0000000000000200\n"
		   "0x0000000400000000 0x00000004ffffffff 0x0000000000102201\n";
	tree.add("0000:01:00.0").memory(0, 0xfe000000, 0x1000).memory64(2, 0x400000000, 0x1000);
	EXPECT_EQ(check("00:1c.0/0"), "critical-device");
	EXPECT_EQ(check("01:00.0/0"), "");
	EXPECT_EQ(check("01:00.0/2"), "");
}

TEST_F(RareHardware, an_iommu_and_an_interrupt_controller_are_critical)
{
	tree.add("0000:00:00.2").memory(0, 0xfe000000, 0x1000).class_code(0x080600);
	tree.add("0000:00:05.4").memory(0, 0xfe001000, 0x1000).class_code(0x080020);
	EXPECT_EQ(check("00:00.2/0"), "critical-device");
	EXPECT_EQ(check("00:05.4/0"), "critical-device");
}

TEST_F(RareHardware, a_virtual_function_decodes_without_saying_so)
{
	tree.add("0000:03:10.0")
		.memory64(0, 0x400000000, 0x4000)
		.command(0)
		.link("physfn", "../0000:03:00.0");
	tree.add("0000:03:10.2")
		.memory64(0, 0x400004000, 0x4000)
		.command(4)
		.link("physfn", "../0000:03:00.0");
	EXPECT_EQ(check("03:10.0/0"), "");
	EXPECT_EQ(check("03:10.2/0"), "dma-capable");
}

TEST_F(RareHardware, bars_above_4_gib_and_above_16_tib)
{
	tree.add("0000:03:00.0").memory64(0, 0xff00000000, 0x4000);
	// The last page a version 1 table can name, and the first it cannot.
	tree.add("0000:04:00.0").memory64(0, 0xffffffff000, 0x1000);
	tree.add("0000:05:00.0").memory64(0, 0x100000000000, 0x1000);
	EXPECT_EQ(check("03:00.0/0"), "");
	EXPECT_EQ(check("04:00.0/0"), "");
	EXPECT_EQ(check("05:00.0/0"), "frame-too-wide");
	gnttab_version = 2;
	EXPECT_EQ(check("05:00.0/0"), "");
}

TEST_F(RareHardware, a_rom_in_the_same_page_shares_it)
{
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x800).rom(0xfe000800, 0x800);
	EXPECT_EQ(check("03:00.0/0"), "shared-page");
}

TEST_F(RareHardware, bars_of_a_page_and_less)
{
	// Alone in its page, at the start of it; two of one device; two devices.
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x100);
	tree.add("0000:04:00.0").memory(0, 0xfe001000, 0x100).memory(1, 0xfe001100, 0x100);
	tree.add("0000:05:00.0").memory(0, 0xfe002000, 0x800);
	tree.add("0000:05:00.1").memory(0, 0xfe002800, 0x800);
	EXPECT_EQ(check("03:00.0/0"), "");
	EXPECT_EQ(check("04:00.0/0"), "shared-page");
	EXPECT_EQ(check("04:00.0/1"), "shared-page");
	EXPECT_EQ(check("05:00.0/0"), "shared-page");
	EXPECT_EQ(check("05:00.1/0"), "shared-page");
}

TEST_F(RareHardware, ports_and_what_has_no_address)
{
	tree.add("0000:03:00.0")
		.io(0, 0xc000, 32)
		.unassigned(1, 0x1000)
		.memory(2, 0xfe000000, 0x1000);
	EXPECT_EQ(check("03:00.0/0"), "bar-io");
	EXPECT_EQ(check("03:00.0/1"), "bar-unassigned");
	EXPECT_EQ(check("03:00.0/2"), "");
}

TEST_F(RareHardware, a_device_that_is_gone_but_still_listed)
{
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x1000).silent();
	EXPECT_EQ(check("03:00.0/0"), "dead-device");
}

TEST_F(RareHardware, devices_of_another_segment)
{
	tree.add("0001:03:00.0").memory(0, 0xfe000000, 0x100);
	tree.add("0000:03:00.0").memory(0, 0xfe000800, 0x100);
	EXPECT_EQ(check("0001:03:00.0/0"), "shared-page");
	EXPECT_EQ(check("1:3:0.0/0"), "shared-page");
}
