// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/sbdf.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "lib/values/error.h"
#include "lib/values/region_guess.h"

namespace iomemgrant
{

namespace
{

std::optional<unsigned> hex(std::string_view text, std::size_t max_digits, unsigned limit)
{
	unsigned value = 0;
	if (text.empty() || text.size() > max_digits)
		return std::nullopt;
	const auto [end, status] =
		std::from_chars(text.data(), text.data() + text.size(), value, 16);
	if (status != std::errc() || end != text.data() + text.size() || value > limit)
		return std::nullopt;
	return value;
}

// Splits at every ':' and '.', in any order: people swap them.
std::vector<std::string_view> groups(std::string_view text)
{
	std::vector<std::string_view> found;
	while (true) {
		const auto end = text.find_first_of(":.");
		found.push_back(text.substr(0, end));
		if (end == std::string_view::npos)
			return found;
		text.remove_prefix(end + 1);
	}
}

std::optional<Sbdf> from_groups(const std::vector<std::string_view>& parts)
{
	if (parts.size() != 3 && parts.size() != 4)
		return std::nullopt;
	const auto first = parts.size() - 3;
	const auto segment = first ? hex(parts[0], 8, 0xffffffff) : std::optional(0U);
	const auto bus = hex(parts[first], 2, 0xff);
	const auto device = hex(parts[first + 1], 2, 0x1f);
	const auto function = hex(parts[first + 2], 1, 7);
	if (!segment || !bus || !device || !function)
		return std::nullopt;
	return Sbdf{*segment, static_cast<std::uint8_t>(*bus), static_cast<std::uint8_t>(*device),
		static_cast<std::uint8_t>(*function)};
}

} // namespace

std::optional<Sbdf> Sbdf::parse(std::string_view text)
{
	const auto dot = text.rfind('.');
	if (dot == std::string_view::npos || text.find('.') != dot ||
		text.find(':', dot) != std::string_view::npos)
		return std::nullopt;
	return from_groups(groups(text));
}

Sbdf Sbdf::from_user(std::string_view text)
{
	if (const auto sbdf = parse(text))
		return *sbdf;
	const auto meant = guess_sbdf(text);
	std::string hint = meant ? fmt::format("did you mean {}?", meant->str()) : "";
	if (meant && text.find('.') == std::string_view::npos)
		hint = "the function is missing; " + hint;
	else if (meant && text.find_first_of(",@") != std::string_view::npos)
		hint = "options of xl pci-attach mean nothing here; " + hint;
	throw Error(kind::bad_bdf,
		fmt::format("'{}' is not a PCI address (want [DDDD:]BB:SS.F)", text), hint)
		.with("bdf", std::string(text));
}

std::optional<Sbdf> guess_sbdf(std::string_view text)
{
	constexpr std::string_view qubes = "dom0:";
	std::string plain(text.substr(text.starts_with(qubes) ? qubes.size() : 0));
	plain.erase(std::min(plain.find_first_of(",@"), plain.size()));
	std::replace(plain.begin(), plain.end(), '_', ':');
	return plain.find('.') == std::string::npos ? Sbdf::parse(plain + ".0")
						    : from_groups(groups(plain));
}

std::string Sbdf::str() const
{
	return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", segment, bus, device, function);
}

} // namespace iomemgrant
