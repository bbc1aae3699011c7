// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/label.h"

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

TEST(Label, is_short_and_safe_as_a_file_name)
{
	EXPECT_TRUE(Label::parse("nic-doorbell"));
	EXPECT_TRUE(Label::parse("0.a_B-"));
	EXPECT_TRUE(Label::parse(std::string(63, 'a')));
	for (const auto& text :
		{std::string(), std::string(64, 'a'), std::string("-a"), std::string(".."),
			std::string("a/b"), std::string("a b"), std::string("\xc3\xa4")})
		EXPECT_EQ(Label::parse(text), std::nullopt) << text;
}

TEST(Label, the_refusal_tells_the_rule)
{
	EXPECT_EQ(error_of([] { return Label::from_user("../etc"); }),
		(Said{"'../etc' is not a label [bad-label]",
			"a label is 1 to 63 of [A-Za-z0-9._-] and starts with a letter or digit",
			2}));
}
