// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "render.h"

namespace iomemgrant::agent
{

namespace
{

struct ListOptions {
	std::vector<std::string> columns = {"id", "size", "mode", "cache", "state", "users", "node",
		"label"};
	bool no_legend = false;
};

int run_list(const ListOptions& options, Context& context)
{
	const auto grants = read_mapped_grants(context.world.roots);
	context.output.text(render_table(grants, options.columns, !options.no_legend));

	auto document = context.output.document("list");
	document["grants"] = Json::array();
	for (const auto& grant : grants)
		document["grants"].push_back(to_json(grant));
	context.output.print(document);
	return 0;
}

} // namespace

void add_list(CLI::App& app, Verb& chosen)
{
	auto options = std::make_shared<ListOptions>();
	auto* verb = app.add_subcommand("list", "List the grants this guest has mapped");
	verb->alias("ls");
	verb->add_option("-o,--columns", options->columns, "Columns to print, separated by commas")
		->delimiter(',')
		->type_name("COLS");
	verb->add_flag("--no-legend", options->no_legend, "Print no header");
	verb->callback([options, &chosen] {
		chosen = [options](Context& context) { return run_list(*options, context); };
	});
}

} // namespace iomemgrant::agent
