// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_filter.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"
#include "lib/grants/granter.h"
#include "lib/grants/revoker.h"
#include "lib/inventory/select_grant.h"

namespace iomemgrant
{

namespace
{

struct RevokeText {
	std::vector<std::string> names;
	GrantFilterText filter;
	bool all = false;
	bool ignore_missing = false;
	std::string wait;
	std::string force;
};

struct RevokeCommand {
	std::vector<GrantName> names;
	GrantFilter filter;
	bool ignore_missing = false;
	bool dry_run = false;
	std::chrono::milliseconds limit = default_wait;
	Rung force = Rung::cooperative;
};

RevokeCommand parse(const RevokeText& text, const GlobalOptions& globals)
{
	RevokeCommand command;
	for (const auto& name : text.names)
		command.names.push_back(GrantName::parse(name));
	command.filter = GrantFilter::parse(text.filter);
	const int ways = !text.names.empty() + !text.filter.domain.empty() +
			 !text.filter.device.empty() + text.all;
	if (ways != 1)
		throw Error(kind::usage,
			ways ? "revoke takes only one of GRANT..., --domain, --device and --all"
			     : "say what to revoke: GRANT..., --domain, --device or --all",
			"xen-iomemgrant revoke --help");
	command.ignore_missing = text.ignore_missing;
	command.dry_run = globals.dry_run;
	command.limit = text.wait.empty() ? globals.timeout.value_or(default_wait)
					  : parse_duration("--wait", text.wait);
	if (!text.force.empty())
		command.force = parse_force(text.force);
	return command;
}

/// One grant to take back and how that went.
struct Item {
	GrantName name;
	std::optional<GrantStatus> status;
	std::optional<Error> error;
	/// The step that was needed.
	std::optional<Rung> rung;
};

/// The grants that may be revoked.
struct Candidates {
	std::vector<GrantStatus> grants;
	/// Why these are the kernel's alone.
	std::optional<Error> no_xenstore;
};

// Adds what a revocation needs of XenStore to a grant that the kernel has: the name of its guest,
// and whether it is published.
void complete(GrantStatus& status, Host& host, Domains& domains)
{
	if (const auto domain = domains.find(status.grant.domid); domain && status.domain_alive)
		status.domain.name = domain->name;
	status.label = status.grant.label;
	status.cache = status.grant.cache;
	status.devid = find_devid(host, status.grant);
	if (!status.devid)
		return;
	const auto state = host.store.read(status.path(host.self).backend("state"));
	status.published = state.has_value();
	status.backend_state = decode_state(state);
}

// The grants that are named, each once, if the kernel knows them all: then no other is looked at.
std::optional<std::vector<GrantStatus>> find_named(
	const std::vector<GrantName>& names, Host& host, Domains& domains)
{
	const auto known = take_kernel_inventory(host);
	std::vector<GrantStatus> grants;
	try {
		for (const auto& name : names) {
			const auto status = select(known, name, domains);
			const auto same = [&](const GrantStatus& other) {
				return other.grant.id == status.grant.id;
			};
			if (std::none_of(grants.begin(), grants.end(), same))
				grants.push_back(status);
		}
	} catch (const Error& error) {
		if (error.kind() != kind::no_grant && error.kind() != kind::ambiguous_grant)
			throw;
		// XenStore may know more, or tells better what is meant.
		return std::nullopt;
	}
	for (auto& status : grants)
		complete(status, host, domains);
	return grants;
}

Candidates candidates(const RevokeCommand& command, Host& host, Domains& domains)
{
	try {
		if (!command.names.empty()) {
			if (auto named = find_named(command.names, host, domains))
				return {std::move(*named), std::nullopt};
		}
		return {take_inventory(host, domains, Ask::unsettled), std::nullopt};
	} catch (const Error& error) {
		// Ending what the kernel grants needs no XenStore.
		if (error.kind() != kind::no_xenstore || command.dry_run)
			throw;
		return {take_kernel_inventory(host), error};
	}
}

// A grant that two names mean is revoked once.
bool is_in(const std::vector<Item>& items, const Item& item)
{
	return item.status && std::any_of(items.begin(), items.end(), [&](const Item& other) {
		return other.status && other.status->grant.id == item.status->grant.id;
	});
}

std::vector<Item> choose(const RevokeCommand& command, Host& host)
{
	Domains domains(host);
	const auto [grants, no_xenstore] = candidates(command, host, domains);
	std::vector<Item> items;
	if (command.names.empty()) {
		for (const auto& status : command.filter.apply(grants, domains))
			items.push_back({GrantName::of(status.grant.id), status, std::nullopt,
				std::nullopt});
		// Nor does nothing mean that there is nothing.
		if (items.empty() && no_xenstore)
			throw Error(*no_xenstore);
		return items;
	}
	for (const auto& name : command.names) {
		Item item{name, std::nullopt, std::nullopt, std::nullopt};
		try {
			item.status = select(grants, name, domains);
			item.name = GrantName::of(item.status->grant.id);
		} catch (const Error& error) {
			if (no_xenstore)
				item.error = no_xenstore;
			else if (error.kind() != kind::no_grant || !command.ignore_missing)
				item.error = error;
		}
		if (!is_in(items, item))
			items.push_back(std::move(item));
	}
	return items;
}

Json item_json(const Item& item, bool dry_run)
{
	auto object =
		item.status
			? grant_json(*item.status)
			: Json{{"id", item.name.id ? Json(item.name.id->value()) : Json(nullptr)}};
	object["result"] = item.error     ? "failed"
			   : !item.status ? "missing"
			   : dry_run      ? "would-revoke"
					  : "revoked";
	object["rung"] = item.rung ? Json(to_string(*item.rung)) : Json(nullptr);
	object["error"] = item.error ? Output::describe(*item.error) : Json(nullptr);
	return object;
}

int report(const std::vector<Item>& items, bool dry_run, Output& output)
{
	std::size_t failed = 0;
	bool changed = false;
	bool interrupted = false;
	int exit = 0;
	auto document = output.document("revoke");
	auto list = Json::array();
	for (const auto& item : items) {
		if (output.json())
			list.push_back(item_json(item, dry_run));
		failed += item.error.has_value();
		changed |= item.error ? item.error->changed() : item.status.has_value();
		interrupted |= item.error && item.error->kind() == kind::interrupted;
		if (item.error)
			exit = item.error->kind().exit;
	}
	document["ok"] = failed == 0;
	document["changed"] = changed;
	document["dry_run"] = dry_run;
	document["grants"] = list;
	output.print(document);
	if (!failed)
		return 0;
	if (interrupted)
		return kind::interrupted.exit;
	return failed == items.size() ? exit : kind::partial.exit;
}

std::string line_of(const Item& item, bool dry_run)
{
	auto line = fmt::format("{} {}: {} -> {}", dry_run ? "would revoke" : "revoked",
		item.name.str(), describe_region(*item.status), describe(item.status->domain));
	if (item.rung && *item.rung != Rung::cooperative)
		line += fmt::format("  by {}", to_string(*item.rung));
	return line;
}

// Revokes what was found, all of it at once, and notes in each item how that went.
void revoke(std::vector<Item>& items, const RevokeCommand& command, Host& host, Output& output)
{
	std::vector<GrantStatus> grants;
	std::vector<Item*> found;
	for (auto& item : items) {
		if (item.error || !item.status)
			continue;
		if (const auto& other = item.status->other_device)
			output.warning(device_changed(item.status->grant, *other).what());
		grants.push_back(*item.status);
		found.push_back(&item);
	}
	if (command.dry_run)
		return;
	RevokeOptions options;
	options.limit = command.limit;
	options.force = command.force;
	options.warn = [&output](const std::string& text) { output.warning(text); };
	const auto results = Revoker(host).revoke(grants, options);
	for (std::size_t i = 0; i < found.size(); i++) {
		found[i]->rung = results[i].rung;
		found[i]->error = results[i].error;
	}
}

int run_revoke(const RevokeCommand& command, Machine& machine, Output& output)
{
	auto& host = machine.host();
	auto items = choose(command, host);
	revoke(items, command, host, output);
	// A single one fails like any other command; of several each tells its own end.
	if (items.size() == 1 && items[0].error)
		throw *items[0].error;
	for (const auto& item : items) {
		if (item.error)
			output.complain(*item.error);
		else if (item.status && output.quiet())
			output.line(item.name.str());
		else if (item.status)
			output.line(line_of(item, command.dry_run));
	}
	return report(items, command.dry_run, output);
}

constexpr auto ladder =
	"The guest is asked to let go and given the time of --wait.  If it keeps a page\n"
	"mapped, the grant is left ending: the kernel frees it as soon as the guest lets\n"
	"go or dies.  --force takes one step against such a guest, the one it names and\n"
	"no other:\n"
	"  fence           the references leave XenStore; what is mapped stays mapped\n"
	"  disable-decode  the device stops answering every domain that maps it\n"
	"  destroy-domain  the guest is destroyed, which ends the grant; the last resort\n"
	"\n"
	"Examples:\n"
	"  xen-iomemgrant revoke g17 web1/nic-doorbell\n"
	"  xen-iomemgrant revoke --domain=web1 --wait=1min\n"
	"  xen-iomemgrant revoke g17 --wait=0 --force=fence\n";

} // namespace

void add_revoke(Syntax& program, Command& command)
{
	auto text = std::make_shared<RevokeText>();
	auto& verb = program.add_verb("revoke", "Take grants back");
	verb.add("GRANT", &text->names, grant_name_help);
	add_grant_filter(verb, text->filter, false);
	verb.add("--all", &text->all, "All grants there are");
	verb.add("--wait=SEC", &text->wait, "How long the guest may take; without it 10 s");
	verb.add("--force=STEP", &text->force, "fence, disable-decode or destroy-domain");
	verb.add("--ignore-missing", &text->ignore_missing, "A grant that is not there is fine");
	verb.footer = ladder;
	on_verb(verb, command, run_revoke,
		[text, &command] { return parse(*text, command.globals); });
}

} // namespace iomemgrant
