// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/region.h"

#include <limits>

#include <fmt/format.h>

#include "lib/text/byte_size.h"
#include "lib/values/error.h"
#include "lib/values/region_guess.h"

namespace iomemgrant
{

namespace
{

unsigned parse_bar(std::string_view text)
{
	if (text.size() == 1 && text[0] >= '0' && text[0] <= '5')
		return static_cast<unsigned>(text[0] - '0');
	if (text == "rom" || text == "ROM")
		throw Error(kind::bar_rom, "the expansion ROM is never granted",
			"memory BARs are numbered 0 to 5");
	const bool number = text.find_first_not_of("0123456789") == std::string_view::npos &&
			    !text.empty() && text[0] != '0';
	throw Error(kind::bad_bar,
		number ? fmt::format("BAR '{}' out of range 0-5", text)
		       : fmt::format("'{}' is not a BAR (0 to 5)", text),
		"xen-iomemgrant bars shows the BARs of each device")
		.with("bar", std::string(text));
}

std::uint64_t parse_bytes(std::string_view what, std::string_view text)
{
	const auto bytes = parse_byte_size(text);
	if (!bytes)
		throw Error(kind::bad_size,
			fmt::format("{} '{}' is not a number of bytes", what, text),
			"write 16384, 0x4000 or 16K");
	return *bytes;
}

// @typed: in the words of the user.
[[noreturn]] void refuse_unaligned(
	std::string_view what, std::string_view typed, std::uint64_t offset, std::uint64_t length)
{
	const auto first = page_round_down(offset);
	const auto end = page_round_up(offset + (length ? length : 1));
	throw Error(kind::unaligned, fmt::format("{} {} is not a multiple of 4096", what, typed),
		fmt::format("nearest page ranges: {:#x}+{:#x}", first, end - first));
}

void require_pages(const RegionSpec& region, std::string_view offset, std::string_view length)
{
	const auto bytes = region.length.value_or(0);
	if (region.length && bytes == 0)
		throw Error(kind::empty_range, "length must be at least one page (4096)");
	// Far above any BAR; keeps every later sum of the two from wrapping.
	constexpr auto limit = std::numeric_limits<std::uint64_t>::max() / 4;
	if (region.offset > limit || bytes > limit)
		throw Error(kind::bad_size, "offset and length must be below 2^62");
	if (region.offset % page_size)
		refuse_unaligned("offset", offset, region.offset, bytes);
	if (bytes % page_size)
		refuse_unaligned("length", length, region.offset, bytes);
}

RegionSpec parse_strictly(std::string_view text)
{
	const auto slash = text.find('/');
	if (slash == std::string_view::npos) {
		// Without a BAR the address itself may still be the first mistake.
		const auto sbdf = Sbdf::from_user(text.substr(0, text.find('@')));
		throw Error(kind::bad_region,
			fmt::format("'{}' names no BAR (want BDF/BAR[@OFF[+LEN]])", text),
			fmt::format("for example {}/0@0+4K", sbdf.str()));
	}
	RegionSpec region;
	// A path has its device further on.
	region.sbdf = Sbdf::from_user(slash ? text.substr(0, slash) : text);
	text.remove_prefix(slash + 1);

	const auto at = text.find('@');
	region.bar = parse_bar(text.substr(0, at));
	if (at == std::string_view::npos)
		return region;
	text.remove_prefix(at + 1);

	const auto plus = text.find('+');
	const auto offset = text.substr(0, plus);
	region.offset = parse_bytes("offset", offset);
	if (plus == std::string_view::npos) {
		require_pages(region, offset, "");
		return region;
	}
	const auto length = text.substr(plus + 1);
	region.length = parse_bytes("length", length);
	require_pages(region, offset, length);
	return region;
}

} // namespace

RegionSpec RegionSpec::parse(std::string_view text)
{
	try {
		return parse_strictly(text);
	} catch (const Error& error) {
		const bool settled = error.kind() == kind::unaligned ||
				     error.kind() == kind::empty_range ||
				     error.kind() == kind::bar_rom ||
				     (error.kind() == kind::bad_bdf && !error.hint().empty());
		const auto hint = settled ? "" : region_hint(text);
		if (hint.empty())
			throw;
		Error better(error.kind(), error.what(), hint);
		for (const auto& [name, value] : error.details())
			better.with(name, value);
		throw better;
	}
}

void RegionSpec::require_pages() const
{
	iomemgrant::require_pages(
		*this, fmt::format("{:#x}", offset), fmt::format("{:#x}", length.value_or(0)));
}

std::string RegionSpec::str() const
{
	auto text = fmt::format("{}/{}", sbdf.str(), bar);
	if (offset || length)
		text += fmt::format("@{:#x}", offset);
	if (length)
		text += fmt::format("+{:#x}", *length);
	return text;
}

} // namespace iomemgrant
