// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/table.h"

#include <gtest/gtest.h>

using namespace iomemgrant;

TEST(Table, columns_are_as_wide_as_their_widest_cell_and_the_last_is_not_padded)
{
	Table table({"ID", "DOMAIN", "LABEL"});
	table.add({"g17", "web1(5)", "-"});
	table.add({"g1", "a-long-name(12)", "nic"});
	EXPECT_EQ(table.render(), "ID   DOMAIN           LABEL\n"
				  "g17  web1(5)          -\n"
				  "g1   a-long-name(12)  nic\n");
	EXPECT_EQ(table.render(false), "g17  web1(5)          -\n"
				       "g1   a-long-name(12)  nic\n");
}

TEST(Table, colours_and_multibyte_characters_do_not_shift_columns)
{
	Table table({"A", "B"});
	table.add({"\x1b[31mxx\x1b[0m", "1"});
	table.add({"\xc3\xa4", "2"});
	EXPECT_EQ(table.render(), "A   B\n\x1b[31mxx\x1b[0m  1\n\xc3\xa4   2\n");
}
