// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/region.h>

#include <limits>

#include <fmt/format.h>

#include <iomemgrant/byte_size.h>
#include <iomemgrant/error.h>

namespace iomemgrant
{

namespace
{

unsigned parse_bar(std::string_view text)
{
	if (text.size() == 1 && text[0] >= '0' && text[0] <= '5')
		return static_cast<unsigned>(text[0] - '0');
	if (text == "rom")
		throw Error(kind::bar_rom, "the expansion ROM is never granted",
			"memory BARs are numbered 0 to 5");
	throw Error(kind::bad_bar, fmt::format("BAR '{}' out of range 0-5", text))
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

[[noreturn]] void refuse_unaligned(
	std::string_view what, std::uint64_t value, std::uint64_t offset, std::uint64_t length)
{
	const auto first = page_round_down(offset);
	const auto end = page_round_up(offset + (length ? length : 1));
	throw Error(kind::unaligned, fmt::format("{} {:#x} is not a multiple of 4096", what, value),
		fmt::format("nearest page ranges: {:#x}+{:#x}", first, end - first));
}

} // namespace

RegionSpec RegionSpec::parse(std::string_view text)
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
	region.sbdf = Sbdf::from_user(text.substr(0, slash));
	text.remove_prefix(slash + 1);

	const auto at = text.find('@');
	region.bar = parse_bar(text.substr(0, at));
	if (at == std::string_view::npos)
		return region;
	text.remove_prefix(at + 1);

	const auto plus = text.find('+');
	region.offset = parse_bytes("offset", text.substr(0, plus));
	if (plus != std::string_view::npos)
		region.length = parse_bytes("length", text.substr(plus + 1));
	region.require_pages();
	return region;
}

void RegionSpec::require_pages() const
{
	const auto bytes = length.value_or(0);
	if (length && bytes == 0)
		throw Error(kind::empty_range, "length must be at least one page (4096)");
	// Far above any BAR; keeps every later sum of the two from wrapping.
	constexpr auto limit = std::numeric_limits<std::uint64_t>::max() / 4;
	if (offset > limit || bytes > limit)
		throw Error(kind::bad_size, "offset and length must be below 2^62");
	if (offset % page_size)
		refuse_unaligned("offset", offset, offset, bytes);
	if (bytes % page_size)
		refuse_unaligned("length", bytes, offset, bytes);
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
