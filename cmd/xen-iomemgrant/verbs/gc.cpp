// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"
#include "lib/grants/collector.h"

namespace iomemgrant
{

namespace
{

std::string_view result_of(const Remains& remains, bool dry_run)
{
	switch (remains.result) {
	case Remains::Result::found:
		return dry_run ? "would-remove" : "kept";
	case Remains::Result::removed:
		return "removed";
	case Remains::Result::waiting:
		return "waiting";
	case Remains::Result::failed:
		return "failed";
	}
	return "failed";
}

std::string name_of(const Remains& remains)
{
	if (!remains.status)
		return remains.path;
	return fmt::format(
		"{} of {}", remains.status->grant.id.str(), describe(remains.status->domain));
}

std::string line_of(const Remains& remains, bool dry_run)
{
	const auto what =
		fmt::format("{} {}: {}", to_string(remains.kind), name_of(remains), remains.reason);
	if (remains.result == Remains::Result::waiting)
		return fmt::format("waiting for {}; it ends when its pages are let go", what);
	return fmt::format("{} {}", dry_run ? "would remove" : "removed", what);
}

Json remains_json(const Remains& remains, bool dry_run)
{
	return {
		{"kind", to_string(remains.kind)},
		{"reason", remains.reason},
		{"path", remains.path},
		{"domid", remains.domid.value()},
		{"result", result_of(remains, dry_run)},
		{"error", remains.error ? Output::describe(*remains.error) : Json(nullptr)},
		{"grant", remains.status ? grant_json(*remains.status) : Json(nullptr)},
	};
}

bool is_change(const Remains& remains, bool dry_run)
{
	switch (remains.result) {
	case Remains::Result::found:
		return dry_run;
	case Remains::Result::removed:
		return true;
	case Remains::Result::waiting:
		// Of one that is ending already nothing is new.
		return remains.status->grant.state == Grant::State::live;
	case Remains::Result::failed:
		return false;
	}
	return false;
}

int run_gc(bool dry_run, Machine& machine, Output& output)
{
	Collector collector(machine.host());
	auto found = collector.find();
	std::size_t failed = 0;
	int exit = 0;
	bool changed = false;
	auto items = Json::array();
	std::optional<Error> stopped;
	for (auto& remains : found) {
		try {
			if (!dry_run && !stopped)
				collector.collect(remains);
		} catch (const Error& error) {
			stopped = remains.error = error;
		}
		if (output.json())
			items.push_back(remains_json(remains, dry_run));
		if (remains.error) {
			failed++;
			exit = remains.error->kind().exit;
			output.complain(*remains.error);
			continue;
		}
		changed |= is_change(remains, dry_run);
		if (!output.quiet() && !stopped)
			output.line(line_of(remains, dry_run));
	}
	if (found.empty() && !output.quiet())
		output.line("nothing to remove");

	auto document = output.document("gc");
	document["ok"] = failed == 0;
	document["changed"] = changed;
	document["dry_run"] = dry_run;
	document["items"] = items;
	output.print(document);
	if (!failed)
		return 0;
	if (stopped)
		return stopped->kind().exit;
	return failed == found.size() ? exit : kind::partial.exit;
}

} // namespace

void add_gc(Syntax& program, Command& command)
{
	auto& verb = program.add_verb("gc", "Remove what dead guests and commands left behind");
	on_verb(verb, command, run_gc, [&command] { return command.globals.dry_run; });
}

} // namespace iomemgrant
