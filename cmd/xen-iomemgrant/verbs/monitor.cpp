// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_filter.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"
#include "lib/inventory/monitor.h"

namespace iomemgrant
{

namespace
{

struct MonitorCommand {
	std::optional<DomainSpec> domain;
	std::optional<std::chrono::milliseconds> limit;
};

// After a reboot a domain has another number, but the name and the UUID it had before.
bool is_of(const GrantStatus& status, const DomainSpec& domain)
{
	switch (domain.by) {
	case DomainSpec::By::id:
		return status.grant.domid == domain.id;
	case DomainSpec::By::uuid:
		return status.grant.uuid == domain.uuid;
	case DomainSpec::By::name:
		break;
	}
	return status.domain.name == domain.text;
}

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
	// By number it may be one that is gone.
	if (command.domain && command.domain->by != DomainSpec::By::id)
		(void)Domains(host).resolve(*command.domain);
	Monitor monitor(host, [&command](const GrantStatus& status) {
		return !command.domain || is_of(status, *command.domain);
	});
	const auto deadline = host.now() + command.limit.value_or(std::chrono::hours(0));
	try {
		while (!command.limit || host.now() < deadline) {
			const auto left =
				command.limit ? std::chrono::ceil<std::chrono::milliseconds>(
							deadline - host.now())
					      : std::chrono::milliseconds(std::chrono::hours(1));
			for (const auto& event : monitor.next(left)) {
				const auto time = time_of_day(host);
				if (output.json())
					output.print(event_json(event, time, output));
				output.line(line_of(event, time));
			}
			// main() tells that its reader is gone.
			if (stdout_failed())
				return kind::io_error.exit;
		}
	} catch (const Error& error) {
		// How one ends it.
		if (error.kind() != kind::interrupted)
			throw;
	}
	return 0;
}

MonitorCommand parse(const std::optional<std::string>& domain, const GlobalOptions& globals)
{
	if (globals.pretty)
		throw Error(kind::usage, "monitor prints one document a line, not --pretty ones");
	MonitorCommand command;
	if (domain)
		command.domain = DomainSpec::parse(*domain);
	command.limit = globals.timeout;
	return command;
}

} // namespace

void add_monitor(Syntax& program, Command& command)
{
	auto domain = std::make_shared<std::optional<std::string>>();
	auto& verb = program.add_verb(
		"monitor", "Tell every change of grants, until interrupted or --timeout is over");
	verb.add("--domain=DOMAIN", domain.get(), "Only grants of this domain");
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant monitor --domain=web1\n"
		      "  xen-iomemgrant --json monitor --timeout=1h\n";
	on_verb(verb, command, run_monitor,
		[domain, &command] { return parse(*domain, command.globals); });
}

} // namespace iomemgrant
