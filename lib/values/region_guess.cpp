// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/region_guess.h"

#include <optional>

#include <fmt/format.h>

#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

// Lower case and without blanks; of a path of sysfs what follows "devices/".
std::string simplified(std::string_view typed)
{
	std::string text;
	for (const char c : typed) {
		if (c != ' ')
			text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
	}
	constexpr std::string_view devices = "devices/";
	if (const auto at = text.rfind(devices); at != std::string::npos)
		text.erase(0, at + devices.size());
	return text;
}

// "16k+8k" is an offset and a length, "16k-24k" and "16k..24k" are an offset and an end.
std::optional<std::string> guess_range(std::string_view text)
{
	for (const std::string_view separator : {"+", "..", "-"}) {
		const auto at = text.find(separator);
		if (at == std::string_view::npos)
			continue;
		const auto offset = parse_byte_size(text.substr(0, at));
		auto length = parse_byte_size(text.substr(at + separator.size()));
		if (!offset || !length)
			return std::nullopt;
		if (separator != "+" && *length > *offset)
			*length -= *offset;
		return fmt::format("@{}+{}", format_byte_size(*offset), format_byte_size(*length));
	}
	const auto offset = parse_byte_size(text);
	return offset ? std::optional(fmt::format("@{}", format_byte_size(*offset))) : std::nullopt;
}

// "bar2", "resource2", "02", "2+4k", "2:16k+8k"
std::optional<std::string> guess_bar(std::string text)
{
	for (const std::string_view prefix : {"resource", "bar"}) {
		if (text.starts_with(prefix))
			text.erase(0, prefix.size());
	}
	while (text.size() > 1 && text[0] == '0' && is_digit(text[1]))
		text.erase(0, 1);
	if (text.empty() || text[0] < '0' || text[0] > '5')
		return std::nullopt;
	const auto bar = text.substr(0, 1);
	text.erase(0, 1);
	if (text.empty())
		return bar;
	if (text[0] == '+')
		text.insert(0, "@0");
	if (text[0] != '@' && text[0] != ':')
		return std::nullopt;
	const auto range = guess_range(std::string_view(text).substr(1));
	return range ? std::optional(bar + *range) : std::nullopt;
}

// "fed40,5" as in xl.cfg, or "0xfed40000+20K"
bool is_memory(std::string_view text)
{
	const auto comma = text.find_first_not_of("0123456789abcdef");
	return text.starts_with("0x") ||
	       (comma != 0 && comma != std::string_view::npos && text[comma] == ',');
}

} // namespace

std::string region_hint(std::string_view typed)
{
	const auto text = simplified(typed);
	const auto slash = text.find('/');
	if (slash == std::string::npos)
		return is_memory(text)
			       ? "only BARs of PCI devices can be granted; iomem= in xl.cfg "
				 "gives other memory to a guest"
			       : "";
	const auto sbdf = guess_sbdf(std::string_view(text).substr(0, slash));
	const auto bar = guess_bar(text.substr(slash + 1));
	return sbdf && bar ? fmt::format("did you mean {}/{}?", sbdf->str(), *bar) : "";
}

} // namespace iomemgrant
