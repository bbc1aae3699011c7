// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_SBDF_H
#define IOMEMGRANT_SBDF_H

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace iomemgrant
{

/// Address of a PCI function: segment, bus, device, function.  (Linux calls the segment "domain";
/// here a domain is always a virtual machine.)
struct Sbdf {
	/// Linux gives out numbers above 0xffff as well, for what is behind Intel's VMD; Xen and
	/// the module cannot name these.
	std::uint32_t segment = 0;
	std::uint8_t bus = 0;
	std::uint8_t device = 0;
	std::uint8_t function = 0;

	/// [DDDD:]BB:SS.F, hexadecimal, leading zeros optional; a segment has up to 8 digits.
	static std::optional<Sbdf> parse(std::string_view text);
	/// As parse(), but throws Error bad-bdf, with a suggestion when the text looks like one.
	static Sbdf from_user(std::string_view text);

	std::uint8_t devfn() const { return static_cast<std::uint8_t>(device << 3 | function); }
	/// "0000:03:00.0"
	std::string str() const;

	friend auto operator<=>(const Sbdf&, const Sbdf&) = default;
};

} // namespace iomemgrant

#endif
