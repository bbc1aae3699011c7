// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_REGION_H
#define IOMEMGRANT_REGION_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/values/sbdf.h"

namespace iomemgrant
{

/// A part of a BAR as the user names it: BDF/BAR[@OFF[+LEN]].  Page-aligned and not empty, but
/// not yet compared with any device.
struct RegionSpec {
	Sbdf sbdf;
	unsigned bar = 0;
	std::uint64_t offset = 0;
	/// Absent: up to the end of the BAR.
	std::optional<std::uint64_t> length;

	/// Throws Error bad-region, bad-bdf, bad-bar, bar-rom, bad-size, unaligned, empty-range.
	static RegionSpec parse(std::string_view text);

	/// Throws Error bad-size, unaligned or empty-range unless offset and length are whole
	/// pages.
	void require_pages() const;

	/// In the form parse() reads back.
	std::string str() const;

	friend bool operator==(const RegionSpec&, const RegionSpec&) = default;
};

/// A part of a BAR with its length settled.
struct Region {
	Sbdf sbdf;
	unsigned bar = 0;
	std::uint64_t offset = 0;
	std::uint64_t length = 0;

	std::uint64_t nr_pages() const { return length >> 12; }
	std::uint64_t end() const { return offset + length; }
	bool overlaps(const Region& other) const
	{
		return sbdf == other.sbdf && bar == other.bar && offset < other.end() &&
		       other.offset < end();
	}

	friend bool operator==(const Region&, const Region&) = default;
};

} // namespace iomemgrant

#endif
