// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/region.h"

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

Said refusal(const char* text)
{
	return error_of([text] { return RegionSpec::parse(text); });
}

} // namespace

TEST(RegionSpec, length_and_offset_are_optional)
{
	const auto whole = RegionSpec::parse("0000:03:00.0/2");
	EXPECT_EQ(whole.sbdf.str(), "0000:03:00.0");
	EXPECT_EQ(whole.bar, 2U);
	EXPECT_EQ(whole.offset, 0U);
	EXPECT_EQ(whole.length, std::nullopt);

	const auto part = RegionSpec::parse("03:00.0/2@16K+8K");
	EXPECT_EQ(part.offset, 0x4000U);
	EXPECT_EQ(part.length, 0x2000U);
	EXPECT_EQ(part, RegionSpec::parse("0000:03:00.0/2@0x4000+0x2000"));

	EXPECT_EQ(RegionSpec::parse("03:00.0/2@16K").length, std::nullopt);
}

TEST(RegionSpec, prints_what_it_parses)
{
	for (const auto* text :
		{"0000:03:00.0/2", "0000:03:00.0/2@0x4000", "0000:03:00.0/2@0x0+0x1000"}) {
		EXPECT_EQ(RegionSpec::parse(text).str(), text);
	}
}

TEST(RegionSpec, each_mistake_has_its_message)
{
	EXPECT_EQ(refusal("0000:82.0.0/2"),
		(Said{"'0000:82.0.0' is not a PCI address (want [DDDD:]BB:SS.F) [bad-bdf]",
			"did you mean 0000:82:00.0?", 2}));
	EXPECT_EQ(refusal("03:00.0"),
		(Said{"'03:00.0' names no BAR (want BDF/BAR[@OFF[+LEN]]) [bad-region]",
			"for example 0000:03:00.0/0@0+4K", 2}));
	constexpr auto bars = "xen-iomemgrant bars shows the BARs of each device";
	EXPECT_EQ(refusal("03:00.0/7"), (Said{"BAR '7' out of range 0-5 [bad-bar]", bars, 2}));
	EXPECT_EQ(refusal("03:00.0/"), (Said{"'' is not a BAR (0 to 5) [bad-bar]", bars, 2}));
	EXPECT_EQ(refusal("03:00.0/rom"), (Said{"the expansion ROM is never granted [bar-rom]",
						  "memory BARs are numbered 0 to 5", 6}));
	EXPECT_EQ(refusal("03:00.0/2@"), (Said{"offset '' is not a number of bytes [bad-size]",
						 "write 16384, 0x4000 or 16K", 2}));
	EXPECT_EQ(refusal("03:00.0/2@0+x"), (Said{"length 'x' is not a number of bytes [bad-size]",
						    "write 16384, 0x4000 or 16K", 2}));
	EXPECT_EQ(refusal("03:00.0/2@0x4100+0x100"),
		(Said{"offset 0x4100 is not a multiple of 4096 [unaligned]",
			"nearest page ranges: 0x4000+0x1000", 2}));
	EXPECT_EQ(refusal("03:00.0/2@0x4000+0x1200"),
		(Said{"length 0x1200 is not a multiple of 4096 [unaligned]",
			"nearest page ranges: 0x4000+0x2000", 2}));
	EXPECT_EQ(refusal("03:00.0/2@0x4000+0"),
		(Said{"length must be at least one page (4096) [empty-range]", "", 2}));
	EXPECT_EQ(refusal("03:00.0/2@0xfffffffffffff000+0x1000").exit, 2);
}

TEST(RegionSpec, what_other_tools_understand_is_told_in_our_words)
{
	const auto bad_bdf = [](const std::string& typed, const char* hint) {
		return Said{fmt::format("'{}' is not a PCI address (want [DDDD:]BB:SS.F) [bad-bdf]",
				    typed),
			hint, 2};
	};
	const auto bad_bar = [](const std::string& typed, const char* hint) {
		return Said{fmt::format("'{}' is not a BAR (0 to 5) [bad-bar]", typed), hint, 2};
	};
	constexpr auto memory = "only BARs of PCI devices can be granted; iomem= in xl.cfg gives "
				"other memory to a guest";
	const std::pair<const char*, Said> table[] = {
		{"fed40,5", bad_bdf("fed40,5", memory)},
		{"0xfed40000+20K", bad_bdf("0xfed40000+20K", memory)},
		{"00_1f.3/0", bad_bdf("00_1f.3", "did you mean 0000:00:1f.3?")},
		{"dom0:00_1f.3/0", bad_bdf("dom0:00_1f.3", "did you mean 0000:00:1f.3?")},
		{"0000:03:00.0,permissive=1/2", bad_bdf("0000:03:00.0,permissive=1",
							"options of xl pci-attach mean nothing "
							"here; did you mean 0000:03:00.0?")},
		{"03:00.0@5/2", bad_bdf("03:00.0@5", "options of xl pci-attach mean nothing here; "
						     "did you mean 0000:03:00.0?")},
		{"/sys/bus/pci/devices/0000:03:00.0/resource2",
			bad_bdf("/sys/bus/pci/devices/0000:03:00.0/resource2",
				"did you mean 0000:03:00.0/2?")},
		{"0000:03:00/2", bad_bdf("0000:03:00",
					 "the function is missing; did you mean 0000:03:00.0?")},
		{"03:00.0/BAR2", bad_bar("BAR2", "did you mean 0000:03:00.0/2?")},
		{"03:00.0/resource2", bad_bar("resource2", "did you mean 0000:03:00.0/2?")},
		{"03:00.0/02", bad_bar("02", "did you mean 0000:03:00.0/2?")},
		{"03:00.0/2+4K", bad_bar("2+4K", "did you mean 0000:03:00.0/2@0+4K?")},
		{"03:00.0/2:16K+8K", bad_bar("2:16K+8K", "did you mean 0000:03:00.0/2@16K+8K?")},
		{"03:00.0/2 @16K+8K", bad_bar("2 ", "did you mean 0000:03:00.0/2@16K+8K?")},
		{"03:00.0/2@0-4K", Said{"offset '0-4K' is not a number of bytes [bad-size]",
					   "did you mean 0000:03:00.0/2@0+4K?", 2}},
		{"03:00.0/2@4K..12K", Said{"offset '4K..12K' is not a number of bytes [bad-size]",
					      "did you mean 0000:03:00.0/2@4K+8K?", 2}},
		{"03:00.0/ROM", Said{"the expansion ROM is never granted [bar-rom]",
					"memory BARs are numbered 0 to 5", 6}},
		{"03:00.0/2@1000", Said{"offset 1000 is not a multiple of 4096 [unaligned]",
					   "nearest page ranges: 0x0+0x1000", 2}},
	};
	for (const auto& [typed, said] : table)
		EXPECT_EQ(refusal(typed), said) << typed;
}

TEST(Region, overlap_is_within_one_bar_and_half_open)
{
	const Region region{*Sbdf::parse("3:0.0"), 2, 0x4000, 0x2000};
	EXPECT_TRUE(region.overlaps({*Sbdf::parse("3:0.0"), 2, 0x5000, 0x1000}));
	EXPECT_FALSE(region.overlaps({*Sbdf::parse("3:0.0"), 2, 0x6000, 0x1000}));
	EXPECT_FALSE(region.overlaps({*Sbdf::parse("3:0.0"), 1, 0x4000, 0x1000}));
	EXPECT_FALSE(region.overlaps({*Sbdf::parse("3:0.1"), 2, 0x4000, 0x1000}));
}
