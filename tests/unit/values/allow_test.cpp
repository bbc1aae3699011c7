// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/allow.h"

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

TEST(Allow, a_comma_list_of_classes_lifts_exactly_those_refusals)
{
	const auto set = AllowSet::parse("driver-bound,dma-capable");
	EXPECT_TRUE(set.lifts(kind::driver_bound));
	EXPECT_TRUE(set.lifts(kind::dma_capable));
	EXPECT_FALSE(set.lifts(kind::shared_page));
	EXPECT_FALSE(set.lifts(kind::not_mmio));
	EXPECT_EQ(set.names(), (std::vector<std::string>{"driver-bound", "dma-capable"}));
}

TEST(Allow, an_unknown_class_is_named_with_the_known_ones)
{
	EXPECT_EQ(error_of([] { return AllowSet::parse("driver-bound,all"); }),
		(Said{"'all' is not a class --allow knows [bad-class]",
			"classes: driver-bound, dma-capable, msix-table, shared-page, "
			"critical-device, config-mirror, decode-off, overlap",
			2}));
	// Nothing is ever refused for these.
	EXPECT_EQ(error_of([] { return AllowSet::parse("no-agent"); }).exit, 2);
	EXPECT_EQ(error_of([] { return AllowSet::parse("prefetch-ro"); }).exit, 2);
	EXPECT_EQ(error_of([] { return AllowSet::parse(""); }).exit, 2);
	EXPECT_EQ(error_of([] { return AllowSet::parse("overlap,"); }).exit, 2);
}
