// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "cmd/xen-iomemagent/access.h"

namespace iomemgrant::agent
{

namespace
{

struct ReadOptions {
	std::string grant;
	std::string offset;
	std::string width = "32";
	std::string count = "1";
};

std::uint32_t parse_count(const std::string& text)
{
	std::uint32_t count = 0;
	const char* end = text.data() + text.size();
	const auto [stop, status] = std::from_chars(text.data(), end, count);
	if (status != std::errc() || stop != end || count == 0)
		throw Error(iomemgrant::kind::usage,
			fmt::format("--count: '{}' is not a number from 1 to {}", text,
				std::numeric_limits<std::uint32_t>::max()));
	return count;
}

int run_read(const ReadOptions& options, const World& world, Output& output)
{
	const auto width = parse_width(options.width);
	const ByteRange range{parse_bytes("offset", options.offset),
		std::uint64_t{parse_count(options.count)} * bytes(width)};
	const auto grant = find_mapped(world.roots, GrantName::parse(options.grant));
	const auto values = read_registers(grant, range, width);

	auto document = output.document("read");
	document["grant"] = grant.id->value();
	document["offset"] = range.offset;
	document["width"] = static_cast<unsigned>(width);
	document["values"] = Json::array();
	for (const auto value : values) {
		output.line(format_value(value, width));
		document["values"].push_back(format_value(value, width));
	}
	output.print(document);
	return 0;
}

} // namespace

void add_read(Syntax& program, Command& command)
{
	auto options = std::make_shared<ReadOptions>();
	auto& verb = program.add_verb("read", "Read registers, each with a single access");
	verb.add("GRANT", &options->grant, grant_name_help).required = true;
	verb.add("OFF", &options->offset, "Byte offset in the grant").required = true;
	add_width_option(verb, options->width);
	verb.add("-c,--count=N", &options->count,
		"How many registers, one behind the other; without it 1");
	verb.footer = "Examples:\n"
		      "  xen-iomemagent read nic-doorbell 0x10\n"
		      "  xen-iomemagent read g17 4K --width=16 --count=8\n";
	on_verb(verb, command, run_read, [options] { return *options; });
}

} // namespace iomemgrant::agent
