// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <fmt/format.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_arguments.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"
#include "lib/grants/granter.h"

namespace iomemgrant
{

namespace
{

std::string line_of(const GrantStatus& status, const GrantOutcome& outcome, bool dry_run)
{
	const bool had = outcome.had(status.grant.id);
	std::string text = outcome.named(status.grant.id) ? (dry_run ? "would label" : "labelled")
			   : had                          ? "already granted"
			   : dry_run                      ? "would grant"
							  : "granted";
	if (had || !dry_run)
		text += fmt::format(" {}", status.grant.id.str());
	text += ": ";
	text += fmt::format("{} -> {}", describe_region(status), describe(status.domain));
	if (outcome.named(status.grant.id))
		text += fmt::format("  '{}'", status.label->str());
	if (outcome.mapped_after && !had)
		text += fmt::format("  mapped by guest after {:.1f}s",
			static_cast<double>(outcome.mapped_after->count()) / 1000);
	return text;
}

int run_grant(const GrantArguments& command, Machine& machine, Output& output)
{
	auto& host = machine.host();
	const auto outcome = Granter(host).grant(command.domain, command.regions, command.options);
	for (const auto& warning : outcome.warnings)
		output.warning(warning);

	auto document = output.document("grant");
	document["changed"] = outcome.changed;
	document["dry_run"] = command.options.dry_run;
	document["grants"] = Json::array();
	for (const auto& status : outcome.grants) {
		const bool rehearsed = command.options.dry_run && !outcome.had(status.grant.id);
		if (output.json())
			document["grants"].push_back(grant_json(status, !rehearsed));
		if (output.quiet() && !rehearsed)
			output.line(status.grant.id.str());
		else
			output.line(line_of(status, outcome, command.options.dry_run));
	}
	document["mapped_after_ms"] =
		outcome.mapped_after ? Json(outcome.mapped_after->count()) : Json(nullptr);
	document["warnings"] = output.warnings();
	output.print(document);
	return 0;
}

} // namespace

void add_grant(Syntax& program, Command& command)
{
	auto text = std::make_shared<GrantText>();
	auto& verb = program.add_verb("grant", "Give regions of BARs to a running guest");
	add_grant_arguments(verb, *text);
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant grant web1 03:00.0/2@16K+8K --label=nic-doorbell\n"
		      "  xen-iomemgrant grant web1 03:00.0/0 --no-wait\n"
		      "  xen-iomemgrant --dry-run grant web1 03:00.0/2 --allow=driver-bound\n";
	on_verb(verb, command, run_grant,
		[text, &command] { return parse_grant_arguments(*text, command.globals); });
}

} // namespace iomemgrant
