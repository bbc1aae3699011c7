// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_arguments.h"
#include "lib/check/grant_check.h"

namespace iomemgrant
{

namespace
{

// The status grant would end with: that of the first thing it would stumble over.
int exit_of(const GrantCheck& check)
{
	for (const auto& region : check.regions()) {
		if (const auto* refusal = region.refusal())
			return refusal->kind().exit;
	}
	return 0;
}

Json region_json(const RegionCheck& check)
{
	Json answer = {{"region", check.spec.str()}, {"ok", !check.refusal()},
		{"bdf", check.spec.sbdf.str()}, {"bar", check.spec.bar},
		{"offset", check.spec.offset}, {"length", nullptr}, {"pages", nullptr},
		{"phys", nullptr}, {"granted", nullptr}, {"findings", Json::array()}};
	if (check.candidate) {
		answer["length"] = check.candidate->region.length;
		answer["pages"] = check.candidate->region.nr_pages();
		answer["phys"] = fmt::format("{:#x}", check.candidate->address());
	}
	if (check.granted)
		answer["granted"] = check.granted->grant.id.value();
	for (const auto& finding : check.findings) {
		auto described = Output::describe(finding.error);
		described["lifted"] = finding.lifted;
		answer["findings"].push_back(std::move(described));
	}
	return answer;
}

void print_region(const RegionCheck& check, Output& output)
{
	const auto good =
		check.granted ? fmt::format("granted already ({})", check.granted->grant.id.str())
			      : std::string("can be granted");
	output.line(fmt::format("{}: {}", check.spec.str(),
		check.refusal() ? output.paint(Colour::bad, "refused")
				: output.paint(Colour::good, good)));
	for (const auto& finding : check.findings) {
		const auto& error = finding.error;
		output.line(fmt::format("  {}: {} [{}]", finding.lifted ? "allowed" : "error",
			error.what(), error.kind().slug));
		if (!finding.lifted && !error.hint().empty())
			output.line(fmt::format("  hint: {}", error.hint()));
	}
}

int run_check(const GrantArguments& arguments, Machine& machine, Output& output)
{
	auto& host = machine.host();
	Domains domains(host);
	const GrantCheck check(
		host, domains, arguments.domain, arguments.regions, arguments.options);
	const auto status = exit_of(check);
	auto document = output.document("check");
	document["ok"] = status == 0;
	document["exit"] = status;
	document["regions"] = Json::array();
	for (const auto& region : check.regions()) {
		document["regions"].push_back(region_json(region));
		if (!output.quiet())
			print_region(region, output);
	}
	const auto needed = check.needed();
	document["needs"] = needed ? Json(needed->names()) : Json(nullptr);
	if (status && needed && !output.quiet())
		output.line(fmt::format(
			"all that would be needed: --allow={}", fmt::join(needed->names(), ",")));
	output.print(document);
	return status;
}

} // namespace

void add_check(Syntax& program, Command& command)
{
	auto text = std::make_shared<GrantText>();
	auto& verb = program.add_verb("check", "Say what speaks against a grant, changing nothing");
	add_grant_arguments(verb, *text);
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant check web1 03:00.0/2@16K+8K\n"
		      "  xen-iomemgrant check web1 03:00.0/0 03:00.0/2 --allow=driver-bound\n";
	on_verb(verb, command, run_check,
		[text, &command] { return parse_grant_arguments(*text, command.globals); });
}

} // namespace iomemgrant
