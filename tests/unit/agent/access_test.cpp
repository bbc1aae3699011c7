// SPDX-License-Identifier: GPL-2.0-or-later
#include <filesystem>

#include <gtest/gtest.h>

#include "tests/unit/agent/guest.h"

namespace iomemgrant::agent
{

TEST(Read, reads_one_register_of_32_bits_unless_told_otherwise)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"read", "g17", "4"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.err, "");
	EXPECT_EQ(ran.out, "0x07060504\n");
}

TEST(Read, prints_as_many_digits_as_the_register_has)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"read", "g17", "0x0", "--width=8"}).out, "0x00\n");
	EXPECT_EQ(guest.run({"read", "g17", "2", "--width=16"}).out, "0x0302\n");
	EXPECT_EQ(guest.run({"read", "g17", "8", "--width=64"}).out, "0x0f0e0d0c0b0a0908\n");
}

TEST(Read, reads_several_registers_up_to_the_last_byte)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"read", "nic-doorbell", "8188", "--width=16", "--count=2"}).out,
		"0x9d9c\n0x9f9e\n");
	EXPECT_EQ(guest.run({"-j", "read", "17", "4K", "--count=2"}).out,
		R"({"schema":"xen-iomemagent/read/1","tool_version":"0.1.0","ok":true,"grant":17,)"
		R"("offset":4096,"width":32,"values":["0x53525150","0x57565554"]})"
		"\n");
}

TEST(Read, refuses_an_offset_between_registers)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"read", "g17", "6"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: offset 0x6 is not a multiple of 4 (width 32) "
			   "[unaligned]\n");
}

TEST(Read, refuses_what_is_outside_the_grant)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"read", "g17", "0x1ffc", "--count=2"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: 0x1ffc+0x8 ends past the 0x2000 bytes of g17 "
			   "[range-past-end]\n");
	EXPECT_EQ(guest.run({"read", "g17", "0xfffffffffffffffc"}).status, 2);
	EXPECT_EQ(guest.run({"read", "g17", "8K"}).status, 2);
}

TEST(Read, refuses_an_offset_that_is_no_number)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"read", "g17", "-4"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(guest.run({"read", "g17", "0xzz"}).err,
		"xen-iomemagent: error: offset '0xzz' is not a number of bytes [bad-size]\n"
		"hint: decimal, 0x-hexadecimal, or decimal with K, M or G\n");
}

TEST(Read, refuses_a_width_no_register_has)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"read", "g17", "0", "--width=24"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_NE(ran.err.find("--width"), std::string::npos) << ran.err;
	EXPECT_NE(ran.err.find("[usage]"), std::string::npos) << ran.err;
	EXPECT_EQ(guest.run({"read", "g17", "0", "--count=0"}).status, 2);
}

TEST(Read, says_that_a_page_was_taken_away_instead_of_dying)
{
	Guest guest;
	// Beyond the end of the file the kernel raises SIGBUS, as for a revoked page.
	guest.with_grant();
	std::filesystem::resize_file(guest.node("17"), 4096);
	EXPECT_EQ(guest.run({"read", "g17", "0xffc"}).status, 0);
	const auto ran = guest.run({"read", "g17", "0xffc", "--count=2"});
	EXPECT_EQ(ran.status, 3);
	EXPECT_EQ(ran.out, "");
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: g17 was taken away before the access at 0x1000 [revoked]\n"
		"hint: the granter has revoked it, or the device is gone\n");
}

TEST(Read, survives_being_cut_off_more_than_once)
{
	Guest guest;
	guest.with_grant();
	std::filesystem::resize_file(guest.node("17"), 0);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(guest.run({"read", "g17", "0"}).status, 3);
}

TEST(Read, says_that_a_grant_is_no_longer_mapped)
{
	Guest guest;
	guest.with_module().with_map(0, MapFiles().with("state", "revoked")).with_node("17", "");
	const auto ran = guest.run({"read", "g17", "0"});
	EXPECT_EQ(ran.status, 3);
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: g17 is no longer mapped (state 'revoked') [revoked]\n");
}

TEST(Read, says_that_the_node_is_gone)
{
	Guest guest;
	guest.with_module().with_map(0);
	const auto ran = guest.run({"read", "g17", "0"});
	EXPECT_EQ(ran.status, 3);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: g17 has been revoked: /dev/xen/iomem/17 is gone "
			   "[revoked]\n");
}

TEST(Write, writes_exactly_one_register)
{
	Guest guest;
	guest.with_grant();
	auto expected = guest.node_bytes("17");
	const auto ran = guest.run({"write", "g17", "0x1004", "0xdeadbeef", "--width=32", "--yes"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.out, "wrote 0xdeadbeef to g17 at 0x1004\n");
	expected.replace(0x1004, 4, "\xef\xbe\xad\xde");
	EXPECT_EQ(guest.node_bytes("17"), expected);
}

TEST(Write, knows_every_width)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"write", "g17", "1", "255", "--width=8", "--yes"}).status, 0);
	EXPECT_EQ(guest.run({"write", "g17", "2", "0x1234", "--width=16", "--yes"}).status, 0);
	EXPECT_EQ(guest.run({"write", "g17", "8", "0xffffffffffffffff", "--width=64", "--yes"})
			  .status,
		0);
	EXPECT_EQ(guest.run({"dump", "g17", "0", "16", "--width=8"}).out,
		"00000000: 00 ff 34 12 04 05 06 07 ff ff ff ff ff ff ff ff\n");
}

TEST(Write, without_yes_writes_nothing)
{
	Guest guest;
	guest.with_grant();
	const auto before = guest.node_bytes("17");
	const auto ran = guest.run({"write", "g17", "0", "1", "--width=32"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: writing a register of a real device needs --yes "
			   "[needs-yes]\n"
			   "hint: repeat with --yes, or with --dry-run to check only\n");
	EXPECT_EQ(guest.node_bytes("17"), before);
}

TEST(Write, dry_run_checks_everything_and_writes_nothing)
{
	Guest guest;
	guest.with_grant();
	const auto before = guest.node_bytes("17");
	EXPECT_EQ(guest.run({"-n", "write", "g17", "0", "1", "--width=32"}).out,
		"would write 0x00000001 to g17 at 0x0\n");
	EXPECT_EQ(guest.run({"-n", "write", "g17", "2", "1", "--width=32"}).status, 2);
	EXPECT_EQ(guest.run({"-jn", "write", "g17", "0", "1", "--width=32"}).out,
		R"({"schema":"xen-iomemagent/write/1","tool_version":"0.1.0","ok":true,"changed":true,)"
		R"("dry_run":true,"grant":17,"offset":0,"width":32,"value":"0x00000001"})"
		"\n");
	EXPECT_EQ(guest.node_bytes("17"), before);
}

TEST(Write, quiet_prints_nothing)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"write", "-q", "g17", "0", "1", "--width=32", "--yes"}).out, "");
}

TEST(Write, has_no_default_width)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"write", "g17", "0", "1", "--yes"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: write needs --width=BITS [usage]\n"
			   "hint: xen-iomemagent write --help\n");
}

TEST(Write, refuses_a_value_that_does_not_fit)
{
	Guest guest;
	guest.with_grant();
	const auto said = [&](const std::string& value, const std::string& width) {
		return guest.run({"write", "g17", "0", value, "--width=" + width, "--yes"}).err;
	};
	EXPECT_EQ(said("0x100", "8"),
		"xen-iomemagent: error: value 0x100 does not fit in 8 bits [bad-value]\n");
	EXPECT_EQ(said("0x10000000000000000", "64"),
		"xen-iomemagent: error: value 0x10000000000000000 does not fit in 64 bits "
		"[bad-value]\n");
	EXPECT_EQ(said("ff", "8"), "xen-iomemagent: error: value 'ff' is not a number [bad-value]\n"
				   "hint: decimal, or hexadecimal with 0x\n");
	EXPECT_EQ(said("0x", "8"), "xen-iomemagent: error: value '0x' is not a number [bad-value]\n"
				   "hint: decimal, or hexadecimal with 0x\n");
}

TEST(Write, refuses_a_read_only_grant)
{
	Guest guest;
	guest.with_module().with_map(0, MapFiles().with("readonly", "1"));
	guest.with_node("17", std::string(8192, '\0'));
	const auto ran = guest.run({"write", "g17", "0", "1", "--width=32", "--yes"});
	EXPECT_EQ(ran.status, 4);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: g17 is granted read-only [read-only]\n");
	EXPECT_EQ(guest.run({"read", "g17", "0"}).out, "0x00000000\n");
}

TEST(Write, says_that_a_page_was_taken_away_instead_of_dying)
{
	Guest guest;
	guest.with_grant();
	std::filesystem::resize_file(guest.node("17"), 4096);
	const auto ran = guest.run({"write", "g17", "4K", "1", "--width=32", "--yes"});
	EXPECT_EQ(ran.status, 3);
	EXPECT_EQ(ran.out, "");
	EXPECT_EQ(ran.err,
		"xen-iomemagent: error: g17 was taken away before the access at 0x1000 [revoked]\n"
		"hint: the granter has revoked it, or the device is gone\n");
}

TEST(Dump, prints_sixteen_bytes_a_line)
{
	Guest guest;
	guest.with_grant();
	const auto ran = guest.run({"dump", "g17", "0x10", "24"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.out, "00000010: 13121110 17161514 1b1a1918 1f1e1d1c\n"
			   "00000020: 23222120 27262524\n");
	EXPECT_EQ(guest.run({"dump", "g17", "0", "16", "--width=64"}).out,
		"00000000: 0706050403020100 0f0e0d0c0b0a0908\n");
}

TEST(Dump, json_has_the_values_in_order)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"-j", "dump", "g17", "0", "4", "--width=16"}).out,
		R"({"schema":"xen-iomemagent/dump/1","tool_version":"0.1.0","ok":true,"grant":17,)"
		R"("offset":0,"length":4,"width":16,"values":["0x0100","0x0302"]})"
		"\n");
}

TEST(Dump, refuses_half_a_register_and_nothing_at_all)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"dump", "g17", "0", "6"}).err,
		"xen-iomemagent: error: length 0x6 is not a multiple of 4 (width 32) "
		"[unaligned]\n");
	EXPECT_EQ(guest.run({"dump", "g17", "0", "0"}).err,
		"xen-iomemagent: error: length must be at least one register (4 bytes) "
		"[empty-range]\n");
	EXPECT_EQ(guest.run({"dump", "g17", "0", "12K"}).status, 2);
}

} // namespace iomemgrant::agent
