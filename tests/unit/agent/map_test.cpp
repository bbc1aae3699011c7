// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "tests/unit/agent/guest.h"

namespace iomemgrant::agent
{

// The program becomes the command, so each of these runs in a process of its own.
TEST(MapDeathTest, runs_the_command_with_the_node_open)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EXIT(guest.run({"map", "nic-doorbell", "--exec", "--", "sh", "-c",
			    "head -c 4 <&$XEN_IOMEM_FD | cmp -s - \"$XEN_IOMEM_NODE\" -n 4 && "
			    "test \"$XEN_IOMEM_ID $XEN_IOMEM_LABEL $XEN_IOMEM_LENGTH "
			    "$XEN_IOMEM_MODE\" = '17 nic-doorbell 8192 rw' && exit 7"}),
		testing::ExitedWithCode(7), "");
}

TEST(MapDeathTest, opens_for_reading_only_when_asked_to)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EXIT(guest.run({"map", "g17", "--read-only", "--exec", "--", "sh", "-c",
			    "echo x 1>&$XEN_IOMEM_FD || test $XEN_IOMEM_MODE = ro && exit 7"}),
		testing::ExitedWithCode(7), "");
}

TEST(MapDeathTest, hands_on_every_word_as_it_is)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EXIT(guest.run({"map", "g17", "--exec", "--", "sh", "-c",
			    "test $# = 5 && test \"$1$2$3$4$5\" = '[a,b]--json---n' && exit 7",
			    "sh", "[a,b]", "--json", "--", "", "-n"}),
		testing::ExitedWithCode(7), "");
}

TEST(Map, says_that_there_is_no_such_command)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"map", "g17", "--exec", "/no/such/command"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: /no/such/command: No such file or directory [usage]\n");
}

TEST(Map, runs_nothing_without_the_grant_or_in_a_dry_run)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"map", "g18", "--exec", "true"}).status, 3);
	const auto ran = guest.run({"-n", "map", "g17", "--exec", "true"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: map runs a command and has no dry run [no-dry-run]\n"
		"hint: repeat it without --dry-run\n");
	EXPECT_EQ(guest.run({"map", "g17", "true"}).status, 2);
	EXPECT_EQ(guest.run({"map", "g17", "--exec"}).status, 2);
}

} // namespace iomemgrant::agent
