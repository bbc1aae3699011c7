// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_arguments.h"
#include "lib/check/verdict.h"

namespace iomemgrant
{

namespace
{

// The status grant would end with: that of the first thing it would stumble over.
int exit_of(const std::vector<Verdict>& verdicts)
{
	for (const auto& verdict : verdicts) {
		if (const auto* refusal = verdict.refusal())
			return refusal->kind().exit;
	}
	return 0;
}

std::optional<std::vector<std::string>> needed_names(const Judgement& judgement)
{
	const auto needed = judgement.needed();
	return needed ? std::optional(needed->names()) : std::nullopt;
}

Json verdict_json(const Verdict& verdict)
{
	Json answer = {{"region", verdict.spec.str()}, {"ok", !verdict.refusal()},
		{"bdf", verdict.spec.sbdf.str()}, {"bar", verdict.spec.bar},
		{"offset", verdict.spec.offset}, {"length", nullptr}, {"pages", nullptr},
		{"phys", nullptr}, {"granted", nullptr}, {"findings", Json::array()}};
	if (verdict.candidate) {
		answer["length"] = verdict.candidate->region.length;
		answer["pages"] = verdict.candidate->region.nr_pages();
		answer["phys"] = fmt::format("{:#x}", verdict.candidate->address());
	}
	if (verdict.granted)
		answer["granted"] = verdict.granted->grant.id.value();
	for (const auto& finding : verdict.findings) {
		auto described = Output::describe(finding.error);
		described["lifted"] = finding.lifted;
		answer["findings"].push_back(std::move(described));
	}
	return answer;
}

void print_verdict(const Verdict& verdict, Output& output)
{
	const auto good = verdict.granted ? fmt::format("granted already ({})",
						    verdict.granted->grant.id.str())
					  : std::string("can be granted");
	output.line(fmt::format("{}: {}", verdict.spec.str(),
		verdict.refusal() ? output.paint(Colour::bad, "refused")
				  : output.paint(Colour::good, good)));
	for (const auto& finding : verdict.findings) {
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
	const auto judgement =
		judge_all(host, domains, arguments.domain, arguments.regions, arguments.options);
	const auto status = exit_of(judgement.verdicts);
	auto document = output.document("check");
	document["ok"] = status == 0;
	document["exit"] = status;
	document["regions"] = Json::array();
	for (const auto& verdict : judgement.verdicts) {
		document["regions"].push_back(verdict_json(verdict));
		if (!output.quiet())
			print_verdict(verdict, output);
	}
	const auto needed = needed_names(judgement);
	document["needs"] = needed ? Json(*needed) : Json(nullptr);
	if (status && needed && !output.quiet())
		output.line(fmt::format(
			"all that would be needed: --allow={}", fmt::join(*needed, ",")));
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
	verb.callback = [text, &command] {
		command.run = [parsed = parse_grant_arguments(*text, command.globals)](
				      Machine& machine, Output& output) {
			return run_check(parsed, machine, output);
		};
	};
}

} // namespace iomemgrant
