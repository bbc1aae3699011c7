// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <fmt/format.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_filter.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"
#include "lib/grants/granter.h"
#include "lib/inventory/monitor.h"

namespace iomemgrant
{

namespace
{

struct WaitText {
	std::string grant;
	std::string goal;
};

struct WaitCommand {
	GrantName grant;
	Goal goal = Goal::mapped;
	std::chrono::milliseconds limit = default_wait;
};

WaitCommand parse(const WaitText& text, const GlobalOptions& globals)
{
	return {GrantName::parse(text.grant), parse_goal(text.goal),
		globals.timeout.value_or(default_wait)};
}

int run_wait(const WaitCommand& command, Machine& machine, Output& output)
{
	const auto status = await_grant(machine.host(), command.grant, command.goal, command.limit);
	if (output.json()) {
		auto document = output.document("wait");
		document["for"] = to_string(command.goal);
		document["grant"] = status ? grant_json(*status) : Json(nullptr);
		output.print(document);
	}
	if (!output.quiet())
		output.line(
			status ? fmt::format("{} is {}: {} of {} pages mapped",
					 status->grant.id.str(), to_string(status->state()),
					 status->mapped_pages(), status->grant.region.nr_pages())
			       : fmt::format("{} is gone", command.grant.str()));
	return 0;
}

} // namespace

void add_wait(Syntax& program, Command& command)
{
	auto text = std::make_shared<WaitText>();
	auto& verb = program.add_verb("wait",
		"Wait until a grant is mapped, unmapped or gone, at most 10 s or --timeout");
	verb.add("GRANT", &text->grant, grant_name_help).required = true;
	verb.add("--for=STATE", &text->goal, "mapped, unmapped or gone").required = true;
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant wait g17 --for=mapped\n"
		      "  xen-iomemgrant wait nic-doorbell --for=gone --timeout=5m\n";
	on_verb(verb, command, run_wait,
		[text, &command] { return parse(*text, command.globals); });
}

} // namespace iomemgrant
