// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/text/enum_names.h"

#include <gtest/gtest.h>

using namespace iomemgrant;

namespace
{

enum class Light { red, green, broken };

constexpr EnumName<Light> light_names[] = {
	{Light::red, "red"},
	{Light::green, "green"},
};

} // namespace

TEST(EnumNames, a_table_is_read_both_ways)
{
	EXPECT_EQ(name_in(light_names, Light::green), "green");
	EXPECT_EQ(value_in(light_names, "red"), Light::red);
}

TEST(EnumNames, a_value_without_a_row_is_unknown_and_so_is_another_word)
{
	EXPECT_EQ(name_in(light_names, Light::broken), "unknown");
	for (const auto* other : {"", "Red", "red ", "unknown"})
		EXPECT_EQ(value_in(light_names, other), std::nullopt) << other;
}
