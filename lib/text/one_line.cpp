// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/text/one_line.h"

#include <cstdint>

namespace iomemgrant
{

namespace
{

struct Character {
	std::uint32_t code = 0;
	/// In bytes; 0 for what is no UTF-8.
	std::size_t length = 0;
};

// The character at the start of @text, in its shortest form and no half of a surrogate pair.
Character first_character(std::string_view text)
{
	const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
	const auto lead = byte(0);
	if (lead < 0x80)
		return {lead, 1};
	const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || text.size() < length)
		return {};
	std::uint32_t code = lead & (0x7fU >> length);
	for (std::size_t i = 1; i < length; i++) {
		if ((byte(i) & 0xc0) != 0x80)
			return {};
		code = code << 6 | (byte(i) & 0x3fU);
	}
	constexpr std::uint32_t shortest[] = {0, 0, 0x80, 0x800, 0x10000};
	if (code < shortest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return {};
	return {code, length};
}

bool steers_the_terminal(std::uint32_t code)
{
	const auto within = [code](std::uint32_t first, std::uint32_t last) {
		return code >= first && code <= last;
	};
	return code < 0x20 || within(0x7f, 0x9f) || code == 0x61c || within(0x200b, 0x200f) ||
	       within(0x2028, 0x202e) || within(0x2060, 0x206f) || code == 0xfeff;
}

} // namespace

std::string one_line(std::string_view text)
{
	std::string line;
	while (!text.empty()) {
		const auto [code, length] = first_character(text);
		if (!length || steers_the_terminal(code))
			line += '?';
		else
			line += text.substr(0, length);
		text.remove_prefix(length ? length : 1);
	}
	return line;
}

} // namespace iomemgrant
