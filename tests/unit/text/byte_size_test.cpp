// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/text/byte_size.h"

#include <gtest/gtest.h>

using namespace iomemgrant;

TEST(ByteSize, accepts_decimal_hexadecimal_and_binary_units)
{
	EXPECT_EQ(parse_byte_size("0"), 0U);
	EXPECT_EQ(parse_byte_size("4096"), 4096U);
	EXPECT_EQ(parse_byte_size("0x4000"), 0x4000U);
	EXPECT_EQ(parse_byte_size("16K"), 16384U);
	EXPECT_EQ(parse_byte_size("1m"), 1048576U);
	EXPECT_EQ(parse_byte_size("16G"), 17179869184U);
}

TEST(ByteSize, refuses_signs_junk_and_overflow)
{
	for (const auto* text : {"", "-1", "+1", " 1", "1 ", "K", "0x", "0x1K", "1KiB", "1.5K",
		     "1T", "18446744073709551616", "17179869184G", "0x10000000000000000"})
		EXPECT_EQ(parse_byte_size(text), std::nullopt) << text;
}

TEST(ByteSize, formats_in_the_largest_exact_unit)
{
	EXPECT_EQ(format_byte_size(0), "0");
	EXPECT_EQ(format_byte_size(100), "100");
	EXPECT_EQ(format_byte_size(4096), "4K");
	EXPECT_EQ(format_byte_size(1048576), "1M");
	EXPECT_EQ(format_byte_size(17179869184U), "16G");
	EXPECT_EQ(describe_byte_size(17179869184U), "16 GiB");
	EXPECT_EQ(describe_byte_size(256), "256 bytes");
}
