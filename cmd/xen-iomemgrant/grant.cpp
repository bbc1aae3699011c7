// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iomemgrant/granter.h>

#include "commands.h"
#include "grant_fields.h"

namespace iomemgrant
{

namespace
{

struct GrantText {
	std::string domain;
	std::vector<std::string> regions;
	std::string cache = "uc";
	std::string label;
	std::vector<std::string> allow;
	std::string method = "grant";
	std::string wait;
	bool read_only = false;
	bool no_wait = false;
};

struct GrantCommand {
	DomainSpec domain;
	std::vector<RegionSpec> regions;
	GrantOptions options;
};

// What the user typed becomes values here, before anything is opened.
GrantCommand parse(const GrantText& text, const GlobalOptions& globals)
{
	GrantCommand command{DomainSpec::parse(text.domain), {}, {}};
	for (const auto& region : text.regions)
		command.regions.push_back(RegionSpec::parse(region));
	auto& options = command.options;
	if (text.read_only)
		throw Error(kind::read_only_unsupported,
			"read-only grants are not supported: Xen cannot yet keep a guest from writing a "
			"granted I/O page",
			"leave --read-only out if the guest may also write");
	options.cache = parse_cache(text.cache);
	if (text.method != "grant")
		throw Error(kind::method_unsupported,
			fmt::format("--method={} is not supported by this version", text.method),
			"use --method=grant (default)");
	if (!text.label.empty())
		options.label = Label::from_user(text.label);
	for (const auto& list : text.allow)
		options.allow.add(AllowSet::parse(list));
	options.dry_run = globals.dry_run;
	if (text.no_wait)
		options.wait.reset();
	else if (!text.wait.empty() && text.wait != "true")
		options.wait = parse_seconds("--wait", text.wait);
	else
		options.wait = globals.timeout().value_or(default_wait);
	return command;
}

std::string line_of(const GrantStatus& status, const GrantOutcome& outcome, bool dry_run)
{
	std::string text;
	if (dry_run)
		text = outcome.changed ? "would grant: " : "already granted: ";
	else
		text = fmt::format("{} {}: ", outcome.changed ? "granted" : "already granted",
			status.grant.id.str());
	text += fmt::format("{} -> {}", describe_region(status), describe(status.domain));
	if (outcome.mapped_after)
		text += fmt::format("  mapped by guest after {:.1f}s",
			static_cast<double>(outcome.mapped_after->count()) / 1000);
	return text;
}

int run_grant(const GrantCommand& command, Machine& machine, Output& output)
{
	auto& host = machine.host();
	const auto outcome =
		Granter(host).grant(command.domain, command.regions, command.options);
	const bool rehearsed = command.options.dry_run && outcome.changed;
	for (const auto& warning : outcome.warnings)
		output.warning(warning);

	auto document = output.document("grant");
	document["changed"] = outcome.changed;
	document["dry_run"] = command.options.dry_run;
	document["grants"] = Json::array();
	for (const auto& status : outcome.grants) {
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

void add_grant(CLI::App& app, Command& command)
{
	auto text = std::make_shared<GrantText>();
	auto* verb = app.add_subcommand("grant", "Give regions of BARs to a running guest");
	verb->add_option("DOMAIN", text->domain, "NAME, DOMID, UUID, or name:, id:, uuid:")->required();
	verb->add_option("REGION", text->regions, "BDF/BAR[@OFF[+LEN]], for example 03:00.0/2@16K+8K")
		->required();
	verb->add_option("--label", text->label, "Name of the device node in the guest")
		->type_name("NAME");
	verb->add_option("--cache", text->cache, "uc (default) or wc")->type_name("TYPE");
	verb->add_option("--allow", text->allow, "Override safety checks by name")
		->type_name("CLASS[,CLASS]")
		->expected(1)
		->take_all()
		->allow_extra_args(false);
	verb->add_option("--method", text->method, "grant (default)")
		->check(CLI::IsMember({"grant", "domctl"}))
		->type_name("METHOD");
	verb->add_flag("--read-only", text->read_only, "Refused: Xen has no such grant yet");
	auto* wait = verb->add_flag(
		"--wait", text->wait, "Wait for the guest to map; --wait=SEC, default 10");
	verb->add_flag("--no-wait", text->no_wait, "Leave the offer open")->excludes(wait);
	verb->callback([text, &command] {
		command.can_dry_run = true;
		command.run = [parsed = parse(*text, command.globals)](
				      Machine& machine, Output& output) {
			return run_grant(parsed, machine, output);
		};
	});
}

} // namespace iomemgrant
