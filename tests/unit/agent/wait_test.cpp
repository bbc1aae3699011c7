// SPDX-License-Identifier: GPL-2.0-or-later
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/agent/guest.h"
#include "tests/unit/support/answer.h"

namespace iomemgrant::agent
{

TEST(Wait, prints_the_node_at_once_when_the_grant_is_there)
{
	Guest guest;
	guest.with_grant();
	for (const std::vector<std::string>& names :
		{std::vector<std::string>{}, {"g17"}, {"--label=nic-doorbell"}, {"--timeout=0"}}) {
		auto arguments = names;
		arguments.insert(arguments.begin(), "wait");
		const auto ran = guest.run(arguments);
		EXPECT_EQ(ran.status, 0);
		EXPECT_EQ(ran.out, "/dev/xen/iomem/17\n");
	}
	const auto json = Answer(guest.run({"-j", "wait"}).out);
	EXPECT_EQ(json["grant"]["id"], 17);
}

TEST(Wait, wakes_when_the_grant_arrives_even_before_the_module)
{
	Guest guest;
	std::thread kernel([&guest] {
		guest.with_module();
		guest.with_map(1, MapFiles().with("devid", "16").with("label", "other"));
		guest.with_node("16", "");
		guest.with_map(0);
		guest.with_node("17", "");
	});
	const auto ran = guest.run({"wait", "--label", "nic-doorbell", "--timeout=60"});
	kernel.join();
	EXPECT_EQ(ran.status, 0) << ran.err;
	EXPECT_EQ(ran.out, "/dev/xen/iomem/17\n");
}

TEST(Wait, does_not_take_a_grant_that_cannot_be_opened)
{
	Guest guest;
	guest.with_module().with_map(0); // no node
	EXPECT_EQ(guest.run({"wait", "g17", "--timeout=0"}).status, 8);
	guest.with_map(0, MapFiles().with("state", "revoked")).with_node("17", "");
	EXPECT_EQ(guest.run({"wait", "g17", "--timeout=0"}).status, 8);
}

TEST(Wait, says_what_did_not_come_in_time)
{
	Guest guest;
	guest.with_module();
	const auto ran = guest.run({"wait", "--label=nic", "--timeout=0.01"});
	EXPECT_EQ(ran.status, 8);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: no grant labelled 'nic' was mapped within 0.01 s "
		"[timeout]\n"
		"hint: xen-iomemagent doctor tells what is missing in this guest\n");
	EXPECT_EQ(guest.run({"wait", "--timeout=0"}).err,
		"xen-iomemagent: error: no grant was mapped within 0 s [timeout]\n"
		"hint: xen-iomemagent doctor tells what is missing in this guest\n");
}

TEST(Wait, refuses_two_names_and_a_bad_label)
{
	Guest guest;
	guest.with_module();
	EXPECT_EQ(guest.run({"wait", "g17", "--label=x"}).status, 2);
	EXPECT_EQ(guest.run({"wait", "--label=a/b"}).status, 2);
}

TEST(Wait, a_name_that_is_empty_is_not_any_name)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"wait", "--label", ""}).status, 2);
	const auto ran = guest.run({"wait", ""});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: '' is neither a grant id nor a label "
		"[bad-grant-id]\n"
		"hint: a grant is named as 17, g17 or id:17, as LABEL or label:LABEL, or as "
		"GUEST/LABEL\n");
}

} // namespace iomemgrant::agent
