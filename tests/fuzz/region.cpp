// SPDX-License-Identifier: GPL-2.0-or-later
// REGION and BDF as a user types them.
#include "tests/fuzz/fuzz.h"

#include "lib/text/byte_size.h"
#include "lib/values/region.h"

using namespace iomemgrant;

namespace
{

void check_address(std::string_view text)
{
	const auto sbdf = Sbdf::parse(text);
	const auto typed = fuzz::parsed([&] { return Sbdf::from_user(text); });
	REQUIRE(typed == sbdf);
	if (!sbdf)
		return;
	REQUIRE(sbdf->device < 32 && sbdf->function < 8);
	REQUIRE(sbdf->devfn() >> 3 == sbdf->device && (sbdf->devfn() & 7) == sbdf->function);
	REQUIRE(Sbdf::parse(sbdf->str()) == sbdf);
}

void check_region(std::string_view text)
{
	const auto region = fuzz::parsed([&] { return RegionSpec::parse(text); });
	if (!region)
		return;
	REQUIRE(region->bar <= 5);
	REQUIRE(region->offset % page_size == 0);
	REQUIRE(region->length.value_or(page_size) % page_size == 0);
	REQUIRE(region->length.value_or(page_size) > 0);
	const Region settled{
		region->sbdf, region->bar, region->offset, region->length.value_or(page_size)};
	REQUIRE(settled.end() > settled.offset);
	REQUIRE(settled.overlaps(settled));
	REQUIRE(RegionSpec::parse(region->str()) == *region);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
	check_address(fuzz::text(data, size));
	check_region(fuzz::text(data, size));
	return 0;
}
