// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <fmt/format.h>

#include "cmd/xen-iomemagent/access.h"

namespace iomemgrant::agent
{

namespace
{

struct DumpOptions {
	std::string grant;
	std::string offset;
	std::string length;
	std::string width = "32";
};

// Sixteen bytes a line.
std::string render_dump(const std::vector<std::uint64_t>& values, std::uint64_t offset, Width width)
{
	const unsigned per_line = 16 / bytes(width);
	std::string text;
	for (std::size_t i = 0; i < values.size(); i++) {
		if (i % per_line == 0)
			text += fmt::format("{}{:08x}:", i ? "\n" : "", offset + i * bytes(width));
		text += fmt::format(" {:0{}x}", values[i], 2 * bytes(width));
	}
	return text + "\n";
}

int run_dump(const DumpOptions& options, const World& world, Output& output)
{
	const auto width = parse_width(options.width);
	const ByteRange range{
		parse_bytes("offset", options.offset), parse_bytes("length", options.length)};
	const auto grant = find_mapped(world.roots, GrantName::parse(options.grant));
	const auto values = read_registers(grant, range, width);
	output.text(render_dump(values, range.offset, width));

	auto document = output.document("dump");
	document["grant"] = grant.id->value();
	document["offset"] = range.offset;
	document["length"] = range.length;
	document["width"] = static_cast<unsigned>(width);
	document["values"] = Json::array();
	for (const auto value : values)
		document["values"].push_back(format_value(value, width));
	output.print(document);
	return 0;
}

} // namespace

void add_dump(Syntax& program, Command& command)
{
	auto options = std::make_shared<DumpOptions>();
	auto& verb = program.add_verb("dump", "Print a range of registers, 16 bytes a line");
	verb.add("GRANT", &options->grant, grant_name_help).required = true;
	verb.add("OFF", &options->offset, "Byte offset in the grant").required = true;
	verb.add("LEN", &options->length, "How many bytes").required = true;
	add_width_option(verb, options->width);
	verb.footer = "Examples:\n"
		      "  xen-iomemagent dump nic-doorbell 0 256\n"
		      "  xen-iomemagent dump g17 0x1000 4K --width=8\n";
	on_verb(verb, command, run_dump, [options] { return *options; });
}

} // namespace iomemgrant::agent
