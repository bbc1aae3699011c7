// SPDX-License-Identifier: GPL-2.0-or-later
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lib/check/limits.h"
#include "lib/xen/libxl_config.h"
#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

class LimitsTest : public testing::Test
{
protected:
	LimitsTest()
	{
		tree.add("0000:03:00.0").memory64(0, 0x400000000000 >> 4, 16ULL << 30);
		machine.grants.facts.max_pages = 1 << 20;
		machine.grants.facts.max_refs = 1 << 20;
		machine.grants.facts.headroom = 2;
	}

	Ran run(const std::vector<std::string>& arguments) { return run_on(machine, arguments); }

	PciTree tree;
	FakeMachine machine{tree.root()};
};

} // namespace

TEST_F(LimitsTest, each_limit_has_a_row_with_the_region_that_still_fits)
{
	const auto ran = run({"limits", "web1"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.out,
		"dom0  grant frames  11 used / 64 max      (v1, 27136 refs free, 1024 kept for PV "
		"drivers)  -> max new region 102M\n"
		"dom0  module        0 used / 1048576 max  (references; at most 1048576 in one "
		"grant)       -> max new region 4G\n"
		"web1  maptrack      1024 frames max       (262144 maps)                           "
		"         -> max new region 1G\n"
		"web1  XenStore      12 nodes / 1000 max   (2048 bytes in a node)                  "
		"         -> max new grants 141\n"
		"web1  XenStore      6 watches / 128 max   (each grant takes one)                  "
		"         -> max new grants 122\n"
		"maptrack: Xen's default for new domains (gnttab_max_maptrack_frames); the guest's "
		"own is not told\n"
		"largest new region: 102M, bounded by the grant-table; for more: boot Xen with "
		"gnttab_max_frames=128\n");
}

TEST_F(LimitsTest, json_has_the_same_numbers)
{
	const auto document = Answer(run({"limits", "web1", "--json"}).out);
	EXPECT_EQ(document["schema"], "xen-iomemgrant/limits/1");
	EXPECT_EQ(document["dom0"]["grant_table"]["free_refs"], 27136);
	EXPECT_EQ(document["dom0"]["grant_table"]["kept_refs"], 1024);
	EXPECT_EQ(document["dom0"]["grant_table"]["max_region"], 102 << 20);
	EXPECT_EQ(document["dom0"]["grant_table"]["raise"], "boot Xen with gnttab_max_frames=128");
	EXPECT_EQ(document["domain"]["name"], "web1");
	EXPECT_EQ(document["domain"]["maptrack"]["max_maps"], 262144);
	EXPECT_EQ(document["domain"]["maptrack"]["source"], "xen-default");
	EXPECT_EQ(document["domain"]["maptrack"]["max_region"], 1 << 30);
	EXPECT_EQ(document["domain"]["xenstore"]["max_grants"], 128 - 6);
	EXPECT_EQ(document["domain"]["xenstore"]["watches"], 6);
	EXPECT_EQ(document["domain"]["xenstore"]["max_watches"], 128);
	EXPECT_EQ(document["max_region"], 102 << 20);
	EXPECT_EQ(document["bound_by"], "grant-table");
	// Without a domain, every key all the same.
	const auto alone = Answer(run({"limits", "--json"}).out);
	EXPECT_TRUE(alone["domain"].is_null());
	EXPECT_EQ(alone["max_region"], 102 << 20);
}

TEST_F(LimitsTest, what_is_not_told_is_said_to_be_unknown)
{
	machine.xen.maptrack.reset();
	machine.xs.quotas = {};
	const auto ran = run({"limits", "web1"});
	EXPECT_NE(ran.out.find("web1  maptrack      not known"), std::string::npos) << ran.out;
	EXPECT_NE(ran.out.find("(xenstored does not tell)\n"), std::string::npos) << ran.out;
	const auto document = Answer(run({"limits", "web1", "--json"}).out);
	EXPECT_TRUE(document["domain"]["maptrack"]["max_frames"].is_null());
	EXPECT_TRUE(document["domain"]["maptrack"]["max_region"].is_null());
	EXPECT_TRUE(document["domain"]["xenstore"]["max_grants"].is_null());
}

TEST_F(LimitsTest, the_smallest_one_bounds_and_says_what_to_raise)
{
	const auto last_line = [&] {
		const auto out = run({"limits", "web1"}).out;
		return out.substr(out.rfind("largest"));
	};
	EXPECT_EQ(last_line(),
		"largest new region: 102M, bounded by the grant-table; for more: boot "
		"Xen with gnttab_max_frames=128\n");
	machine.grants.facts.max_pages = 1024;
	EXPECT_EQ(last_line(),
		"largest new region: 4M, bounded by the module; for more: echo 2048 > "
		"/sys/module/xen_iomemgrant/parameters/max_pages, here and in the guest\n");
	machine.grants.facts.max_refs = 512;
	EXPECT_EQ(last_line(),
		"largest new region: 2M, bounded by the module; for more: echo 1024 > "
		"/sys/module/xen_iomemgrant/parameters/max_refs\n");
	machine.xen.maptrack = MaptrackLimit{1, MaptrackLimit::Source::domain_config};
	EXPECT_EQ(last_line(),
		"largest new region: 1M, bounded by the maptrack; for more: set "
		"max_maptrack_frames=2 in the guest's configuration, and boot Xen with "
		"gnttab_max_maptrack_frames=2 or more\n");
	EXPECT_EQ(run({"limits", "-q", "web1"}).out, "1M\n");
}

TEST_F(LimitsTest, no_more_is_advised_than_the_module_takes)
{
	const auto raise = [&](std::uint32_t max_pages) {
		machine.grants.facts.max_pages = max_pages;
		const auto limits = measure_limits(machine.host(), std::nullopt);
		return limits.how_to_raise(Limits::Bound::module);
	};
	EXPECT_EQ(raise(200000),
		"echo 262144 > /sys/module/xen_iomemgrant/parameters/max_pages, here and in the "
		"guest");
	EXPECT_EQ(raise(262144), "one grant has at most 262144 pages (1G): name several regions");
	machine.grants.facts.max_pages = 1024;
	machine.grants.facts.max_refs = 0xf0000000;
	machine.xen.table = {0, 0xffffffff};
	machine.xen.maptrack.reset();
	const auto ran = run({"check", "web1", "03:00.0/0@0+2G"});
	EXPECT_NE(ran.out.find("one grant has at most 262144 pages (1G): name several regions"),
		std::string::npos)
		<< ran.out;
}

TEST_F(LimitsTest, a_xen_that_cannot_grant_leaves_room_for_nothing)
{
	machine.grants.facts.hypervisor_support = false;
	const auto document = Answer(run({"limits", "web1", "--json"}).out);
	EXPECT_EQ(document["max_region"], 0);
	EXPECT_EQ(document["bound_by"], "hypervisor");
	const auto out = run({"limits"}).out;
	EXPECT_EQ(out.substr(out.rfind("largest")), "largest new region: 0, bounded by the "
						    "hypervisor; for more: install the patched Xen "
						    "and reboot\n");
}

TEST_F(LimitsTest, the_scarcer_of_nodes_and_watches_bounds_the_grants)
{
	const auto grants = [&](const XenStoreQuota& quota) {
		machine.xs.quotas = quota;
		return Answer(
			run({"limits", "web1", "--json"}).out)["domain"]["xenstore"]["max_grants"];
	};
	EXPECT_EQ(grants({1000, 12, 2048, 128, 6}), 122);
	EXPECT_EQ(grants({1000, 930, 2048, 128, 6}), 10);
	EXPECT_EQ(grants({1000, 12, 2048, 128, 130}), 0);
	EXPECT_EQ(grants({{}, {}, {}, 128, 6}), 122);
	EXPECT_EQ(grants({1000, 12, 2048, {}, {}}), 141);
}

TEST_F(LimitsTest, the_headroom_is_never_more_than_half_and_is_never_taken)
{
	machine.xen.table = {0, 8};
	machine.grants.facts.headroom = 100;
	const auto limits = measure_limits(machine.host(), std::nullopt);
	EXPECT_EQ(kept_refs(limits.module, limits.table), 4 * 512U);
	EXPECT_EQ(most_refs(limits.module, limits.table), 4 * 512U - 8);
	EXPECT_EQ(limits.table_pages(), 4 * 512U - 8);
	machine.xen.table = {8, 8};
	EXPECT_EQ(measure_limits(machine.host(), std::nullopt).table_pages(), 0U);
}

TEST_F(LimitsTest, what_fits_is_granted_and_one_page_more_is_refused)
{
	machine.xen.table = {0, 64};
	const auto most = most_refs(machine.grants.facts, machine.xen.table);
	const auto region = [](std::uint64_t pages) {
		return fmt::format("03:00.0/0@0+{:#x}", pages * 4096);
	};
	EXPECT_EQ(run({"check", "web1", region(most)}).status, 0);
	EXPECT_EQ(run({"check", "web1", region(most + 1)}).status, 7);
	machine.xen.table = {0, 100000};
	machine.xen.maptrack = MaptrackLimit{2, MaptrackLimit::Source::domain_config};
	EXPECT_EQ(run({"check", "web1", region(512)}).status, 0);
	auto ran = run({"grant", "web1", region(513)});
	EXPECT_EQ(ran.status, 7);
	EXPECT_EQ(ran.err,
		"xen-iomemgrant: error: 2052 KiB are 513 mappings; web1 can have 512 at once "
		"(max_maptrack_frames=2) [maptrack-full]\n"
		"hint: set max_maptrack_frames=3 in web1's config, and boot Xen with "
		"gnttab_max_maptrack_frames=3 or more\n");
	// Several regions of one command count together.
	EXPECT_EQ(run({"check", "web1", "03:00.0/0@0+1M", "03:00.0/0@1M+1M", "03:00.0/0@2M+4K"})
			  .status,
		7);
	machine.xen.maptrack.reset();
	EXPECT_EQ(run({"check", "web1", region(513)}).status, 0);
}

TEST_F(LimitsTest, check_and_grant_name_the_same_remedy_for_all_regions_together)
{
	const auto hint_of = [&](const std::vector<std::string>& regions) {
		std::vector<std::string> arguments{"grant", "web1"};
		arguments.insert(arguments.end(), regions.begin(), regions.end());
		const auto granted = run(arguments);
		arguments[0] = "check";
		const auto checked = run(arguments);
		EXPECT_EQ(granted.status, 7);
		EXPECT_EQ(checked.status, 7);
		const auto hint = granted.err.substr(granted.err.find("hint: "));
		EXPECT_NE(checked.out.find("  " + hint), std::string::npos)
			<< granted.err << checked.out;
		return hint;
	};
	machine.xen.table = {0, 8};
	EXPECT_EQ(hint_of({"03:00.0/0@0+8M", "03:00.0/0@8M+9M"}),
		"hint: boot Xen with gnttab_max_frames=17\n");
	machine.xen.table = {0, 100000};
	machine.xen.maptrack = MaptrackLimit{2, MaptrackLimit::Source::domain_config};
	EXPECT_EQ(hint_of({"03:00.0/0@0+1M", "03:00.0/0@1M+3M"}),
		"hint: set max_maptrack_frames=4 in web1's config, and boot Xen with "
		"gnttab_max_maptrack_frames=4 or more\n");
	machine.xen.maptrack.reset();
	machine.grants.facts.max_refs = 1024;
	EXPECT_EQ(hint_of({"03:00.0/0@0+3M", "03:00.0/0@3M+2M"}),
		"hint: echo 1280 > /sys/module/xen_iomemgrant/parameters/max_refs\n");
}

TEST_F(LimitsTest, an_unknown_domain_and_a_missing_layer_fail_as_everywhere)
{
	EXPECT_EQ(run({"limits", "web9"}).status, 3);
	machine.no_device = Error(kind::no_module, "/dev/xen/iomemgrant is missing");
	EXPECT_EQ(run({"limits"}).status, 9);
}

TEST(LibxlConfig, the_limit_is_read_from_what_libxl_keeps)
{
	const PciTree folder;
	DomainInfo web1;
	web1.id = Domid(5);
	web1.uuid = *Uuid::parse("6f0c1d2e-0011-4000-8000-00163e000001");
	const auto with = [&](const std::string& text) {
		std::ofstream(folder.root() /
			      "userdata-d.5.6f0c1d2e-0011-4000-8000-00163e000001.libxl-json")
			<< text;
		return configured_maptrack_frames(web1, folder.root());
	};
	EXPECT_EQ(configured_maptrack_frames(web1, folder.root()), std::nullopt);
	EXPECT_EQ(with(R"({"c_info":{"type":"pv"},"b_info":{"max_maptrack_frames":4096}})"), 4096U);
	EXPECT_EQ(with(R"({"b_info":{"max_maptrack_frames":0}})"), 0U);
	EXPECT_EQ(with(R"({"b_info":{}})"), std::nullopt);
	EXPECT_EQ(with(R"({"b_info":{"max_maptrack_frames":4294967295}})"), std::nullopt);
	EXPECT_EQ(with(R"({"b_info":{"max_maptrack_frames":"many"}})"), std::nullopt);
	EXPECT_EQ(with(R"([1])"), std::nullopt);
	EXPECT_EQ(with("no json"), std::nullopt);
	EXPECT_TRUE(configured_iomem(web1, folder.root()).empty());
	// Page 0xfe300, and what no machine address can be.
	(void)with(R"({"b_info":{"iomem":[{"start":1041152,"number":1},{"start":16,"number":2,
		"gfn":5},{"start":1099511627776,"number":1},{"start":-1,"number":1},{"start":1},7]}})");
	EXPECT_EQ(configured_iomem(web1, folder.root()),
		(std::vector<MachineRange>{{0xfe300000, 0xfe301000}, {0x10000, 0x12000}}));
}
