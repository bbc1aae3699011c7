// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/xen-iomemagent/render.h"

namespace iomemgrant::agent
{

namespace
{

struct ListOptions {
	std::string columns;
	bool no_legend = false;
};

int run_list(const ListOptions& options, const World& world, Output& output)
{
	const auto grants = read_mapped_grants(world.roots);
	output.text(render_table(grants, options.columns, !options.no_legend));

	auto document = output.document("list");
	document["grants"] = Json::array();
	for (const auto& grant : grants)
		document["grants"].push_back(to_json(grant));
	output.print(document);
	return 0;
}

} // namespace

void add_list(Syntax& program, Command& command)
{
	auto options = std::make_shared<ListOptions>();
	auto& verb = program.add_verb("list", "List the grants this guest has mapped");
	verb.alias = "ls";
	verb.add("-o,--columns=COLS", &options->columns,
		fmt::format(
			"Columns to print, separated by commas, with + besides the usual ones: {}",
			fmt::join(column_names(), ", ")));
	verb.add("--no-legend", &options->no_legend, "Print no header");
	verb.footer = "Examples:\n"
		      "  xen-iomemagent list\n"
		      "  xen-iomemagent list -o id,label,node --no-legend\n";
	on_verb(verb, command, run_list, [options] { return *options; });
}

} // namespace iomemgrant::agent
