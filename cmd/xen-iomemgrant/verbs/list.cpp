// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_filter.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"

namespace iomemgrant
{

namespace
{

struct ListText {
	GrantFilterText filter;
	std::string columns;
	bool no_legend = false;
};

struct ListCommand {
	GrantFilter filter;
	GrantColumns columns;
	bool notes = true;
	bool legend = true;
};

ListCommand parse(const ListText& text)
{
	return {GrantFilter::parse(text.filter), parse_grant_columns(text.columns),
		text.columns.empty() || text.columns.starts_with('+'), !text.no_legend};
}

// A guest that is asked to let go, and has not begun to, shows in XenStore alone.
Ask how_much_to_ask(const ListCommand& command)
{
	const bool guest = std::ranges::any_of(command.columns,
		[](const auto* column) { return column->key == std::string_view("peer"); });
	return guest || !command.filter.state.empty() ? Ask::all : Ask::unsettled;
}

int run_list(const ListCommand& command, Machine& machine, Output& output)
{
	auto& host = machine.host();
	Domains domains(host);
	const auto grants = command.filter.apply(
		take_inventory(host, domains, how_much_to_ask(command)), domains);

	if (output.json()) {
		auto document = output.document("list");
		document["grants"] = Json::array();
		for (const auto& status : grants)
			document["grants"].push_back(grant_json(status));
		output.print(document);
	}
	if (output.quiet()) {
		for (const auto& status : grants)
			output.line(status.grant.id.str());
		return 0;
	}
	const bool notes = command.notes &&
			   std::any_of(grants.begin(), grants.end(), [](const GrantStatus& status) {
				   return !status.note().empty();
			   });
	output.text(render_grants(grants, command.columns, notes, command.legend, output));
	return 0;
}

} // namespace

void add_list(Syntax& program, Command& command)
{
	auto text = std::make_shared<ListText>();
	auto& verb = program.add_verb("list", "Show all grants");
	verb.alias = "ls";
	add_grant_filter(verb, text->filter, true);
	verb.add("-o,--columns=COLS", &text->columns,
		fmt::format(
			"Columns to show, separated by commas, with + besides the usual ones: {}",
			fmt::join(all_grant_columns(), ", ")));
	verb.add("--no-legend", &text->no_legend, "No header");
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant list --domain=web1 --state=mapped\n"
		      "  xen-iomemgrant list -o id,domain,phys,allow --no-legend\n";
	on_verb(verb, command, run_list, [text] { return parse(*text); });
}

} // namespace iomemgrant
