// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "tests/unit/agent/guest.h"
#include "tests/unit/support/answer.h"

namespace iomemgrant::agent
{

TEST(List, prints_a_table_in_the_order_of_ids)
{
	Guest guest;
	guest.with_grant();
	guest.with_map(3, MapFiles()
				  .with("devid", "4")
				  .with("label", "-")
				  .with("length", "1048576")
				  .with("nr_refs", "256")
				  .with("cache", "wc")
				  .with("state", "revoked")
				  .with("users", "2"));
	const auto ran = guest.run({"list"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.err, "");
	// The column was as wide as the path with the fixture's directory in it.
	const std::string wide(guest.root().string().size(), ' ');
	EXPECT_EQ(ran.out, "ID   SIZE  MODE  CACHE  STATE    USERS  NODE               " + wide +
				   "LABEL\n"
				   "g4   1M    rw    wc     revoked  2      /dev/xen/iomem/4   -\n"
				   "g17  8K    rw    uc     mapped   0      /dev/xen/iomem/17  "
				   "nic-doorbell\n");
}

TEST(List, has_only_a_header_when_nothing_is_mapped)
{
	Guest guest;
	guest.with_module();
	EXPECT_EQ(guest.run({"ls"}).out, "ID  SIZE  MODE  CACHE  STATE  USERS  NODE  LABEL\n");
	EXPECT_EQ(guest.run({"list", "--no-legend"}).out, "");
	const auto json = Answer(guest.run({"-j", "list"}).out);
	EXPECT_EQ(json["grants"], Answer("[]"));
}

TEST(List, prints_the_columns_asked_for)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"list", "--no-legend", "-o", "label,granter,refs"}).out,
		"nic-doorbell  0  0x800-0x801\n");
}

TEST(List, takes_columns_in_either_case_and_after_a_plus_besides_the_usual_ones)
{
	Guest guest;
	guest.with_module();
	EXPECT_EQ(guest.run({"list", "-o", "ID,Map"}).out, "ID  MAP\n");
	EXPECT_EQ(guest.run({"list", "-o", "+gfn"}).out,
		"ID  SIZE  MODE  CACHE  STATE  USERS  NODE  LABEL  GFN\n");
}

TEST(List, names_the_column_that_does_not_exist)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"list", "-o", "id,bdf"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: no column 'bdf' [usage]\n"
		"hint: columns: id, size, pages, mode, cache, state, changes, users, node, "
		"label, granter, refs, uuid, gfn, map\n");
}

TEST(List, json_has_every_field_and_null_for_what_is_absent)
{
	Guest guest;
	guest.with_module().with_map(5, MapFiles()
						.with("devid", "-1")
						.with("label", "-")
						.with("gfn", "0x100000")
						.with("uuid", "-"));
	EXPECT_EQ(guest.run({"list", "--json"}).out,
		R"({"schema":"xen-iomemagent/list/1","tool_version":"0.1.0","ok":true,)"
		R"("grants":[{"id":null,"size":8192,"pages":2,"mode":"rw","cache":"uc","state":"mapped",)"
		R"("changes":[],"users":0,"node":null,"label":null,"granter":0,"refs":["0x800-0x801"],"uuid":null,)"
		R"("gfn":"0x100000","map":5}]})"
		"\n");
}

TEST(List, needs_the_module)
{
	const Guest guest;
	const auto ran = guest.run({"list"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: /sys/class/iomemgrant is missing [no-module]\n"
			   "hint: modprobe xen_iomemgrant\n");
	EXPECT_EQ(ran.out, "");
}

TEST(List, ignores_the_granting_half_and_mappings_that_vanish)
{
	Guest guest;
	guest.with_grant();
	guest.with_file("sys/class/iomemgrant/grant3/state", "live\n");
	guest.with_file("sys/class/iomemgrant/map9/state", "mapped\n"); // the rest is gone already
	EXPECT_EQ(guest.run({"list", "--no-legend", "-o", "id,map"}).out, "g17  0\n");
}

TEST(List, says_which_file_of_the_module_it_does_not_understand)
{
	Guest guest;
	guest.with_module().with_map(0, MapFiles().with("length", "many"));
	const auto ran = guest.run({"list"});
	EXPECT_EQ(ran.status, 1);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: /sys/class/iomemgrant/map0/length: unexpected value 'many' "
		"[internal]\n"
		"hint: is the module of another version loaded? modinfo xen_iomemgrant\n");
}

TEST(Show, prints_every_field_a_line_each)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"show", "nic-doorbell"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.out, "id       g17\n"
			   "size     8K\n"
			   "pages    2\n"
			   "mode     rw\n"
			   "cache    uc\n"
			   "state    mapped\n"
			   "changes  -\n"
			   "users    0\n"
			   "node     /dev/xen/iomem/17\n"
			   "label    nic-doorbell\n"
			   "granter  0\n"
			   "refs     0x800-0x801\n"
			   "uuid     6f0c1f2e-5b7a-4e0e-9f3d-0d9a4c1b2e77\n"
			   "gfn      -\n"
			   "map      0\n");
}

TEST(Show, tells_what_changed_under_a_grant_and_leaves_out_what_it_does_not_know)
{
	Guest guest;
	guest.with_module().with_map(
		0, MapFiles().with("changes", "bus-master,frobnicated,bar-register"));
	EXPECT_NE(guest.run({"show", "g17"}).out.find("changes  bus-master,bar-register\n"),
		std::string::npos);
	const auto json = Answer(guest.run({"-j", "list"}).out);
	EXPECT_EQ(json["grants"][0]["changes"], Answer(R"(["bus-master", "bar-register"])"));
}

TEST(Show, answers_for_a_grant_that_is_no_longer_mapped)
{
	Guest guest;
	guest.with_module().with_map(0, MapFiles().with("state", "zombie"));
	const auto json = Answer(guest.run({"-j", "show", "g17"}).out);
	EXPECT_EQ(json["grant"]["state"], "zombie");
}

TEST(Show, finds_a_grant_by_number_and_by_label)
{
	Guest guest;
	guest.with_grant();
	for (const auto* name : {"17", "g17", "id:17", "nic-doorbell", "label:nic-doorbell"})
		EXPECT_EQ(guest.run({"show", name}).status, 0) << name;
}

TEST(Show, says_how_it_looked_for_what_is_not_there)
{
	Guest guest;
	guest.with_module();
	const auto ran = guest.run({"show", "g17"});
	EXPECT_EQ(ran.status, 3);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: no grant 'g17' is mapped in this guest [no-grant]\n"
		"hint: xen-iomemagent list\n");
	EXPECT_EQ(guest.run({"show", "label:x"}).err,
		"xen-iomemagent: error: no grant labelled 'x' is mapped in this guest [no-grant]\n"
		"hint: xen-iomemagent list\n");
}

TEST(Show, refuses_what_can_be_neither_id_nor_label)
{
	Guest guest;
	guest.with_module();
	const auto ran = guest.run({"show", "..17"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: '..17' is neither a grant id nor a label [bad-grant-id]\n"
		"hint: a grant is named as 17, g17 or id:17, as LABEL or label:LABEL, or as "
		"GUEST/LABEL\n");
}

TEST(Show, knows_no_other_guest)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"show", "web1/nic-doorbell"}).err,
		"xen-iomemagent: error: 'web1/nic-doorbell' names a guest, and a guest has only "
		"its "
		"own grants [bad-grant-id]\n"
		"hint: label:nic-doorbell\n");
}

TEST(Show, asks_which_one_when_a_label_looks_like_another_grants_number)
{
	Guest guest;
	guest.with_module().with_map(0).with_map(
		1, MapFiles().with("devid", "18").with("label", "g17"));
	const auto ran = guest.run({"show", "g17"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: 'g17' is the id of one grant and the label of g18 "
		"[ambiguous-grant]\n"
		"hint: use id:17 or label:g17\n");
	EXPECT_NE(guest.run({"show", "label:g17"}).out.find("id       g18"), std::string::npos);
}

} // namespace iomemgrant::agent
