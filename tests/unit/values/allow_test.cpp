// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/allow.h"

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

TEST(Allow, a_comma_list_names_exactly_those_classes)
{
	const auto set = AllowSet::parse("driver-bound,dma-capable");
	EXPECT_TRUE(set.has(AllowClass::driver_bound));
	EXPECT_TRUE(set.has(AllowClass::dma_capable));
	EXPECT_FALSE(set.has(AllowClass::shared_page));
	EXPECT_EQ(set.names(), (std::vector<std::string>{"driver-bound", "dma-capable"}));
}

TEST(Allow, a_class_has_the_slug_of_the_refusals_it_lifts_and_that_of_msix_lifts_none)
{
	EXPECT_EQ(override_of(kind::driver_bound), AllowClass::driver_bound);
	EXPECT_EQ(override_of(kind::overlap), AllowClass::overlap);
	EXPECT_EQ(override_of(kind::not_mmio), std::nullopt);
	EXPECT_EQ(override_of(kind::msix_table), std::nullopt);
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
