// SPDX-License-Identifier: GPL-2.0-or-later
// bars and check as the user meets them, on sysfs trees and fakes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

class Bars : public testing::Test
{
protected:
	int run(std::vector<std::string> arguments)
	{
		FakeMachine machine(tree.root());
		machine.grants.grants = grants;
		auto ran = run_on(machine, arguments);
		out = std::move(ran.out);
		err = std::move(ran.err);
		return ran.status;
	}

	PciTree tree;
	std::vector<Grant> grants;
	std::string out;
	std::string err;
};

} // namespace

TEST_F(Bars, the_table_says_what_can_be_granted_and_why_not_the_rest)
{
	tree.add("0000:03:00.0")
		.memory64(0, 0xdc000000, 0x800000)
		.memory64(2, 0xdd000000, 0x8000)
		.msix(64, 2, 0x7000, 2, 0x7800)
		.io(4, 0xc000, 32)
		.driver("i40e")
		.link("iommu_group", "../../kernel/iommu_groups/21")
		.command(6);
	tree.add("0000:04:00.0").io(0, 0xd000, 32);
	EXPECT_EQ(run({"bars"}), 0);
	const auto title = out.substr(0, out.find('\n'));
	EXPECT_TRUE(title.starts_with("DEVICE 0000:03:00.0  1234:11e8"));
	EXPECT_TRUE(title.ends_with("  driver=i40e  power=D0  mem-decode=on  bus-master=on  "
				    "iommu-group=21"));
	EXPECT_EQ(out.substr(title.size() + 1),
		"BAR  PHYS        SIZE  PAGES  FLAGS           GRANTABLE\n"
		"0    0xdc000000  8M    2048   64bit,prefetch  needs "
		"--allow=driver-bound,dma-capable, 4M in one grant\n"
		"1    -           -     -      -               (upper half of 0)\n"
		"2    0xdd000000  32K   8      64bit,prefetch  pages 0-6 with "
		"--allow=driver-bound,dma-capable; page 7 holds the MSI-X table (never granted)\n"
		"3    -           -     -      -               (upper half of 2)\n");
	EXPECT_EQ(run({"bars", "--all", "04:00.0"}), 0);
	EXPECT_NE(out.find("0    0xd000  32    -      -      (I/O ports)\n"), std::string::npos);
	EXPECT_EQ(run({"bars", "04:00.0"}), 0);
	EXPECT_NE(out.find("(no memory BAR)"), std::string::npos);
}

TEST_F(Bars, granted_pages_and_shared_pages_are_named)
{
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x8000).memory(5, 0xfebd9000, 0x100);
	tree.add("0000:03:00.1").memory(0, 0xfebd9400, 0x100);
	Grant grant;
	grant.id = GrantId(12);
	grant.region = {*Sbdf::parse("03:00.0"), 0, 0x2000, 0x2000};
	grants = {grant};
	EXPECT_EQ(run({"bars", "03:00.0"}), 0);
	EXPECT_NE(out.find("  pages 0-1, 4-7; pages 2-3 are granted (g12)\n"), std::string::npos)
		<< out;
	EXPECT_NE(
		out.find("  page 0 is shared with 0000:03:00.1 BAR0 (needs --allow=shared-page)\n"),
		std::string::npos)
		<< out;
}

TEST_F(Bars, json_has_every_key)
{
	tree.add("0000:03:00.0").memory64(2, 0x18000000000, 0x8000).msix(64, 2, 0x7000, 2, 0x7800);
	EXPECT_EQ(run({"--json", "bars"}), 0);
	const auto document = Answer(out);
	EXPECT_EQ(document["schema"], "xen-iomemgrant/bars/1");
	const auto& device = document["devices"][0];
	EXPECT_EQ(device["bdf"], "0000:03:00.0");
	EXPECT_EQ(device["vendor"], "0x1234");
	EXPECT_TRUE(device["driver"].is_null());
	EXPECT_TRUE(device["iommu_group"].is_null());
	const auto& bar = device["bars"][0];
	EXPECT_EQ(bar["phys"], "0x18000000000");
	EXPECT_EQ(bar["pages"], 8);
	EXPECT_EQ(bar["grantable"]["pages"], Answer(R"([{"first":0,"count":7}])"));
	EXPECT_EQ(bar["grantable"]["obstacles"][0]["code"], "msix-table");
	EXPECT_EQ(bar["grantable"]["obstacles"][0]["first_page"], 7);
}

TEST_F(Bars, an_unknown_device_is_told_before_anything_is_printed)
{
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x1000);
	EXPECT_EQ(run({"bars", "03:00.0", "04:00.0"}), 3);
	EXPECT_EQ(out, "");
	EXPECT_EQ(err,
		"xen-iomemgrant: error: no PCI device 0000:04:00.0 in this domain [no-device]\n"
		"hint: did you mean 0000:03:00.0? xen-iomemgrant bars\n");
	EXPECT_EQ(run({"bars", "zz"}), 2);
}

TEST_F(Bars, check_says_everything_and_has_the_status_of_grant)
{
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x4000).driver("i40e").command(6);
	EXPECT_EQ(run({"check", "web1", "03:00.0/0@0+4K", "03:00.0/1"}), 6);
	EXPECT_EQ(out,
		"0000:03:00.0/0@0x0+0x1000: refused\n"
		"  error: 0000:03:00.0 can do DMA (bus master on); write access may let web1 read "
		"and write all of dom0's memory [dma-capable]\n"
		"  hint: grant only doorbell pages and pass --allow=dma-capable\n"
		"  error: 0000:03:00.0 is driven by 'i40e' in dom0 [driver-bound]\n"
		"  hint: unbind it, or --allow=driver-bound to share\n"
		"0000:03:00.0/1: refused\n"
		"  error: 0000:03:00.0 has no BAR1 [no-bar]\n"
		"  hint: memory BARs: 0\n");
	EXPECT_EQ(run({"check", "web1", "03:00.0/0", "--json"}), 6);
	EXPECT_EQ(Answer(out)["needs"], Answer(R"(["driver-bound","dma-capable"])"));
	EXPECT_EQ(run({"check", "web1", "03:00.0/0", "--allow=dma-capable,driver-bound", "--json"}),
		0);
	const auto document = Answer(out);
	EXPECT_EQ(document["ok"], true);
	EXPECT_EQ(document["regions"][0]["findings"].size(), 2U);
	EXPECT_EQ(document["regions"][0]["findings"][0]["lifted"], true);
	EXPECT_EQ(run({"check", "web1", "03:00.0/0", "--allow=dma-capable"}), 6);
}
