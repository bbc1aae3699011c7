// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/text/byte_size.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

namespace iomemgrant
{

namespace
{

struct Unit {
	char letter;
	int shift;
};

constexpr Unit units[] = {{'G', 30}, {'M', 20}, {'K', 10}};

int take_suffix(std::string_view& text)
{
	if (text.empty())
		return 0;
	for (const auto& unit : units) {
		if (text.back() == unit.letter || text.back() == unit.letter + ('a' - 'A')) {
			text.remove_suffix(1);
			return unit.shift;
		}
	}
	return 0;
}

} // namespace

std::optional<std::uint64_t> parse_byte_size(std::string_view text)
{
	int base = 10;
	int shift = 0;
	if (text.starts_with("0x") || text.starts_with("0X")) {
		text.remove_prefix(2);
		base = 16;
	} else {
		shift = take_suffix(text);
	}
	std::uint64_t value = 0;
	const auto [end, status] =
		std::from_chars(text.data(), text.data() + text.size(), value, base);
	if (text.empty() || status != std::errc() || end != text.data() + text.size())
		return std::nullopt;
	if (value > std::numeric_limits<std::uint64_t>::max() >> shift)
		return std::nullopt;
	return value << shift;
}

std::string format_byte_size(std::uint64_t bytes)
{
	for (const auto& unit : units) {
		if (bytes && bytes % (1ULL << unit.shift) == 0)
			return fmt::format("{}{}", bytes >> unit.shift, unit.letter);
	}
	return fmt::format("{}", bytes);
}

std::string describe_byte_size(std::uint64_t bytes)
{
	for (const auto& unit : units) {
		if (bytes && bytes % (1ULL << unit.shift) == 0)
			return fmt::format("{} {}iB", bytes >> unit.shift, unit.letter);
	}
	return fmt::format("{} bytes", bytes);
}

} // namespace iomemgrant
