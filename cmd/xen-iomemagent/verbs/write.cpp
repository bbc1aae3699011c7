// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <charconv>

#include <fmt/format.h>

#include "cmd/xen-iomemagent/access.h"

namespace iomemgrant::agent
{

namespace
{

struct WriteOptions {
	std::string grant;
	std::string offset;
	std::string value;
	std::string width;
	bool yes = false;
	bool dry_run = false;
};

std::uint64_t parse_value(const std::string& text, Width width)
{
	std::string_view digits = text;
	const bool hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
	if (hexadecimal)
		digits.remove_prefix(2);

	std::uint64_t value = 0;
	const char* end = digits.data() + digits.size();
	const auto [stop, status] =
		std::from_chars(digits.data(), end, value, hexadecimal ? 16 : 10);
	if (digits.empty() || stop != end || status == std::errc::invalid_argument)
		throw Error(kind::bad_value, fmt::format("value '{}' is not a number", text),
			"decimal, or hexadecimal with 0x");
	const auto bits = static_cast<unsigned>(width);
	if (status == std::errc::result_out_of_range || (bits < 64 && value >> bits))
		throw Error(kind::bad_value,
			fmt::format("value {} does not fit in {} bits", text, bits));
	return value;
}

int run_write(const WriteOptions& options, const World& world, Output& output)
{
	const auto width = parse_width(options.width);
	const bool dry_run = options.dry_run;
	const ByteRange range{parse_bytes("offset", options.offset), bytes(width)};
	const auto value = parse_value(options.value, width);
	if (!options.yes && !dry_run)
		throw Error(kind::needs_yes, "writing a register of a real device needs --yes",
			"repeat with --yes, or with --dry-run to check only");

	const auto grant = find_mapped(world.roots, GrantName::parse(options.grant));
	if (grant.access == Access::read_only)
		throw Error(kind::read_only, fmt::format("{} is granted read-only", grant.name()));
	check_range(grant, range, width);
	Mapping mapping(grant, range, Access::read_write);
	if (!dry_run)
		mapping.write(range.offset, width, value);

	if (!output.quiet())
		output.line(fmt::format("{} {} to {} at {:#x}", dry_run ? "would write" : "wrote",
			format_value(value, width), grant.name(), range.offset));
	auto document = output.document("write");
	document["changed"] = true;
	document["dry_run"] = dry_run;
	document["grant"] = grant.id->value();
	document["offset"] = range.offset;
	document["width"] = static_cast<unsigned>(width);
	document["value"] = format_value(value, width);
	output.print(document);
	return 0;
}

} // namespace

void add_write(Syntax& program, Command& command)
{
	auto options = std::make_shared<WriteOptions>();
	auto& verb = program.add_verb("write", "Write one register with a single access");
	verb.add("GRANT", &options->grant, grant_name_help).required = true;
	verb.add("OFF", &options->offset, "Byte offset in the grant").required = true;
	verb.add("VALUE", &options->value, "Decimal, or hexadecimal with 0x").required = true;
	add_width_option(verb, options->width);
	verb.add("--yes", &options->yes, "Do it: this changes a real device");
	verb.footer = "Examples:\n"
		      "  xen-iomemagent write nic-doorbell 0x10 1 --width=32 --yes\n"
		      "  xen-iomemagent --dry-run write g17 0x10 0xff --width=8\n";
	on_verb(verb, command, run_write, [options, &command] {
		options->dry_run = command.globals.dry_run;
		return *options;
	});
}

} // namespace iomemgrant::agent
