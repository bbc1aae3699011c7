// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iomemgrant/monitor.h>

#include "commands.h"
#include "grant_fields.h"
#include "grant_filter.h"

namespace iomemgrant
{

namespace
{

struct MonitorCommand {
	std::string domain;
	std::optional<std::chrono::milliseconds> limit;
};

std::string time_of_day(const Host& host)
{
	return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
		fmt::gmtime(std::chrono::system_clock::to_time_t(host.wall())));
}

std::string state_text(const GrantStatus& status)
{
	return fmt::format("{} {}/{}", to_string(status.state()), status.mapped_pages(),
		status.grant.region.nr_pages());
}

std::string line_of(const GrantEvent& event, const std::string& time)
{
	const auto& now = event.now;
	auto text = fmt::format("{} {} {}: {} -> {}  ", time, to_string(event.kind),
		now.grant.id.str(), describe_region(now), describe(now.domain));
	if (event.kind == GrantEvent::Kind::gone)
		return text + "was " + state_text(now);
	if (event.before && state_text(*event.before) != state_text(now))
		text += state_text(*event.before) + " -> ";
	text += state_text(now);
	if (const auto note = now.note(); !note.empty())
		text += fmt::format("  ({})", note);
	return text;
}

// A document of its own for each, because a monitor has no last line.
Json event_json(const GrantEvent& event, const std::string& time, const Output& output)
{
	auto document = output.document("monitor");
	document["time"] = time;
	document["event"] = to_string(event.kind);
	document["was"] = nullptr;
	if (event.before)
		document["was"] = Json{{"state", to_string(event.before->state())},
			{"mapped_pages", event.before->mapped_pages()}};
	document["grant"] = grant_json(event.now);
	return document;
}

int run_monitor(const MonitorCommand& command, Machine& machine, Output& output)
{
	auto& host = machine.host();
	std::optional<Domid> wanted;
	if (!command.domain.empty()) {
		const auto spec = DomainSpec::parse(command.domain);
		// By number it may be one that is gone.
		wanted = spec.by == DomainSpec::By::id ? spec.id : Domains(host).resolve(spec).id;
	}
	Monitor monitor(host, [wanted](const GrantStatus& status) {
		return !wanted || status.grant.domid == *wanted;
	});
	const auto deadline = host.now() + command.limit.value_or(std::chrono::hours(0));
	try {
		while (!command.limit || host.now() < deadline) {
			const auto left = command.limit
				? std::chrono::ceil<std::chrono::milliseconds>(deadline - host.now())
				: std::chrono::milliseconds(std::chrono::hours(1));
			for (const auto& event : monitor.next(left)) {
				const auto time = time_of_day(host);
				output.print(event_json(event, time, output));
				output.line(line_of(event, time));
			}
		}
	} catch (const Error& error) {
		// How one ends it.
		if (error.kind() != kind::interrupted)
			throw;
	}
	return 0;
}

MonitorCommand parse(const std::string& domain, const GlobalOptions& globals)
{
	if (globals.pretty)
		throw Error(kind::usage, "monitor prints one document a line, not --pretty ones");
	if (!domain.empty())
		(void)DomainSpec::parse(domain);
	return {domain, globals.timeout()};
}

} // namespace

void add_monitor(CLI::App& app, Command& command)
{
	auto domain = std::make_shared<std::string>();
	auto* verb = app.add_subcommand(
		"monitor", "Tell every change of grants, until interrupted or --timeout=SEC");
	verb->add_option("--domain", *domain, "Only grants of this domain")->type_name("DOMAIN");
	verb->callback([domain, &command] {
		command.run = [parsed = parse(*domain, command.globals)](
				      Machine& machine, Output& output) {
			return run_monitor(parsed, machine, output);
		};
	});
}

} // namespace iomemgrant
