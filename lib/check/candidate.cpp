// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/candidate.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/check/refusals.h"
#include "lib/text/byte_size.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

std::string memory_bars(const PciDevice& device)
{
	const auto found = device.memory_bars();
	if (found.empty())
		return "this device has no memory BAR";
	return fmt::format("memory BARs: {}", fmt::join(found, ", "));
}

void require_memory(const PciDevice& device, const PciBar& bar, unsigned index)
{
	const auto bdf = device.sbdf.str();
	const auto given_up = device.given_up.at(index);
	switch (bar.type) {
	case PciBar::Type::absent:
		if (given_up)
			throw refusal::bar_unassigned(device.sbdf, index,
				fmt::format(
					"the kernel gave up {:#x}, which the device still holds",
					*given_up));
		throw Error(kind::no_bar, fmt::format("{} has no BAR{}", bdf, index),
			memory_bars(device));
	case PciBar::Type::io:
		throw Error(kind::bar_io,
			fmt::format("{} BAR{} is an I/O port range, not memory", bdf, index),
			memory_bars(device));
	case PciBar::Type::upper_half:
		throw Error(kind::bar_upper_half,
			fmt::format("{} BAR{} is the upper half of 64-bit BAR{}", bdf, index,
				index - 1),
			memory_bars(device));
	case PciBar::Type::memory:
		break;
	}
	if (bar.unassigned)
		throw refusal::bar_unassigned(
			device.sbdf, index, "firmware or kernel did not assign it");
}

void require_inside(const Region& region, const PciBar& bar)
{
	const auto end = bar.nr_pages() * page_size;
	if (region.end() <= end)
		return;
	const auto first = std::min(region.offset, end - page_size);
	throw Error(kind::range_past_end,
		fmt::format("{:#x}+{:#x} ends at {:#x}, past BAR{}'s {:#x} bytes", region.offset,
			region.length, region.end(), region.bar, bar.size),
		fmt::format("nearest page range: {:#x}+{:#x}", first, end - first));
}

} // namespace

std::uint64_t Candidate::address_of(const Grant& grant) const
{
	return grant.address ? grant.address : bar().first_page() + grant.region.offset;
}

// Small BARs of different devices may lie in one page, so addresses count where they are known.
bool Candidate::meets(const Grant& grant) const
{
	if (!grant.address)
		return grant.region.overlaps(region);
	return grant.address < address() + region.length &&
	       address() < grant.address + grant.region.length;
}

Candidate locate(const PciDevices& devices, const RegionSpec& spec)
{
	const auto& device = devices.read(spec.sbdf);
	const auto& bar = device.bar(spec.bar);
	require_memory(device, bar, spec.bar);
	spec.require_pages();
	const auto bytes = bar.nr_pages() * page_size;
	const auto rest = bytes > spec.offset ? bytes - spec.offset : page_size;
	const Region region{spec.sbdf, spec.bar, spec.offset, spec.length.value_or(rest)};
	require_inside(region, bar);
	return {device, region};
}

} // namespace iomemgrant
