// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/access.h"

#include <fmt/format.h>

#include "cmd/cli/command_line.h"
#include "lib/text/byte_size.h"

namespace iomemgrant::agent
{

void add_width_option(Syntax& verb, std::string& bits)
{
	verb.add("-w,--width=BITS", &bits,
		    bits.empty() ? "Bits of the access: 8, 16, 32 or 64"
				 : fmt::format("Bits of one access: 8, 16, 32 or 64; without it {}",
					   bits))
		.required = bits.empty();
}

Width parse_width(const std::string& bits)
{
	return static_cast<Width>(
		std::stoi(parse_choice("--width", bits, {"8", "16", "32", "64"})));
}

std::uint64_t parse_bytes(const char* what, const std::string& text)
{
	const auto value = parse_byte_size(text);
	if (!value)
		throw Error(iomemgrant::kind::bad_size,
			fmt::format("{} '{}' is not a number of bytes", what, text),
			"decimal, 0x-hexadecimal, or decimal with K, M or G");
	return *value;
}

std::vector<std::uint64_t> read_registers(
	const MappedGrant& grant, const ByteRange& range, Width width)
{
	check_range(grant, range, width);
	const Mapping mapping(grant, range, Access::read_only);
	std::vector<std::uint64_t> values;
	values.reserve(range.length / bytes(width));
	for (std::uint64_t done = 0; done < range.length; done += bytes(width))
		values.push_back(mapping.read(range.offset + done, width));
	return values;
}

std::string format_value(std::uint64_t value, Width width)
{
	return fmt::format("0x{:0{}x}", value, 2 * bytes(width));
}

} // namespace iomemgrant::agent
