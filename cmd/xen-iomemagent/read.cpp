// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include <limits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "access.h"

namespace iomemgrant::agent
{

namespace
{

struct ReadOptions {
	std::string grant;
	std::string offset;
	unsigned width = 32;
	std::uint32_t count = 1;
};

int run_read(const ReadOptions& options, Context& context)
{
	const auto width = static_cast<Width>(options.width);
	const ByteRange range{parse_bytes("offset", options.offset),
		std::uint64_t{options.count} * bytes(width)};
	const auto grant = find_mapped(context.world.roots, GrantName::from_user(options.grant));
	const auto values = read_registers(grant, range, width);

	auto document = context.output.document("read");
	document["grant"] = grant.id->value();
	document["offset"] = range.offset;
	document["width"] = options.width;
	document["values"] = Json::array();
	for (const auto value : values) {
		context.output.line(format_value(value, width));
		document["values"].push_back(format_value(value, width));
	}
	context.output.print(document);
	return 0;
}

} // namespace

void add_read(CLI::App& app, Verb& chosen)
{
	auto options = std::make_shared<ReadOptions>();
	auto* verb = app.add_subcommand("read", "Read registers, each with a single access");
	verb->add_option("GRANT", options->grant, "Number or label of the grant")->required();
	verb->add_option("OFF", options->offset, "Byte offset in the grant")->required();
	add_width_option(*verb, options->width)->capture_default_str();
	verb->add_option("-c,--count", options->count, "How many registers, one after the other")
		->check(CLI::Range(1U, std::numeric_limits<std::uint32_t>::max()))
		->type_name("N")
		->capture_default_str();
	verb->callback([options, &chosen] {
		chosen = [options](Context& context) { return run_read(*options, context); };
	});
}

} // namespace iomemgrant::agent
