// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <nlohmann/json.hpp>

#include "cmd/xen-iomemagent/render.h"

namespace iomemgrant::agent
{

namespace
{

struct ListOptions {
	std::string columns = "id,size,mode,cache,state,users,node,label";
	bool no_legend = false;
};

std::vector<std::string> split(std::string_view text)
{
	std::vector<std::string> names;
	while (true) {
		const auto name = text.substr(0, text.find(','));
		names.emplace_back(name);
		if (name.size() == text.size())
			return names;
		text.remove_prefix(name.size() + 1);
	}
}

int run_list(const ListOptions& options, const World& world, Output& output)
{
	const auto grants = read_mapped_grants(world.roots);
	output.text(render_table(grants, split(options.columns), !options.no_legend));

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
		"Columns to print, separated by commas: " + column_names());
	verb.add("--no-legend", &options->no_legend, "Print no header");
	verb.footer = "Examples:\n"
		      "  xen-iomemagent list\n"
		      "  xen-iomemagent list -o id,label,node --no-legend\n";
	on_verb(verb, command, run_list, [options] { return *options; });
}

} // namespace iomemgrant::agent
