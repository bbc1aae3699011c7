// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/sbdf.h"

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

TEST(Sbdf, accepts_short_forms_and_prints_the_full_one)
{
	EXPECT_EQ(Sbdf::parse("3:0.0")->str(), "0000:03:00.0");
	EXPECT_EQ(Sbdf::parse("03:00.0")->str(), "0000:03:00.0");
	EXPECT_EQ(Sbdf::parse("0001:AF:1f.7")->str(), "0001:af:1f.7");
	EXPECT_EQ(Sbdf::parse("0000:00:1f.3")->devfn(), 0xfb);
	// As Linux prints what is behind Intel's VMD.
	EXPECT_EQ(Sbdf::parse("10000:e1:00.0")->str(), "10000:e1:00.0");
	EXPECT_EQ(Sbdf::parse("10000:e1:00.0")->segment, 0x10000U);
}

TEST(Sbdf, refuses_everything_else)
{
	for (const auto* text : {"", "03", "03.0", "0000:82.0.0", "03:00", "03:00.8", "03:20.0",
		     "100:00.0", "100000000:03:00.0", "03:00.0 ", "g3:00.0", "03:00:0", "0:0:0:0.0",
		     "03:00.00", "-3:00.0"})
		EXPECT_EQ(Sbdf::parse(text), std::nullopt) << text;
}

TEST(Sbdf, a_mistyped_address_gets_a_suggestion)
{
	EXPECT_EQ(error_of([] { return Sbdf::from_user("0000:82.0.0"); }),
		(Said{"'0000:82.0.0' is not a PCI address (want [DDDD:]BB:SS.F) [bad-bdf]",
			"did you mean 0000:82:00.0?", 2}));
	EXPECT_EQ(error_of([] { return Sbdf::from_user("eth0"); }),
		(Said{"'eth0' is not a PCI address (want [DDDD:]BB:SS.F) [bad-bdf]", "", 2}));
}
