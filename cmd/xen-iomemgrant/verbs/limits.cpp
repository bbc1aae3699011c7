// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/check/limits.h"

#include <memory>

#include <fmt/format.h>

#include "cmd/cli/table.h"
#include "cmd/xen-iomemgrant/commands.h"
#include "lib/inventory/domains.h"
#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

using Bound = Limits::Bound;
using Source = MaptrackLimit::Source;

Json bytes_or_null(const std::optional<std::uint64_t>& pages)
{
	return pages ? Json(*pages * page_size) : Json(nullptr);
}

template <typename Number>
Json or_null(const std::optional<Number>& number)
{
	return number ? Json(*number) : Json(nullptr);
}

std::string new_region(std::uint64_t pages)
{
	return fmt::format("-> max new region {}", format_byte_size(pages * page_size));
}

void add_dom0_rows(Table& table, const Limits& limits)
{
	const auto& module = limits.module;
	table.add({"dom0", "grant frames",
		fmt::format("{} used / {} max", limits.table.nr_frames, limits.table.max_frames),
		fmt::format("(v{}, {} refs free, {} kept for PV drivers)", module.gnttab_version,
			limits.free_refs(), kept_refs(module, limits.table)),
		new_region(limits.table_pages())});
	table.add(
		{"dom0", "module", fmt::format("{} used / {} max", module.nr_refs, module.max_refs),
			fmt::format("(references; at most {} in one grant)", module.max_pages),
			new_region(limits.module_pages())});
}

void add_guest_rows(Table& table, const Limits::Guest& guest)
{
	const auto name = short_name(guest.domain);
	if (const auto& maptrack = guest.maptrack) {
		const auto maps = std::uint64_t{maptrack->max_frames} * refs_per_maptrack_frame;
		auto facts = fmt::format("({} maps", maps);
		if (guest.granted_pages)
			facts += fmt::format(", {} granted", guest.granted_pages);
		table.add({name, "maptrack", fmt::format("{} frames max", maptrack->max_frames),
			facts + ")", new_region(guest.max_pages().value_or(0))});
	} else {
		table.add({name, "maptrack", "not known", "(Xen does not tell)", ""});
	}
	const auto& store = guest.store;
	if (const auto grants = guest.grants_by_nodes())
		table.add({name, "XenStore",
			fmt::format("{} nodes / {} max", *store.nodes, *store.max_nodes),
			store.max_node_size
				? fmt::format("({} bytes in a node)", *store.max_node_size)
				: "",
			fmt::format("-> max new grants {}", *grants)});
	else
		table.add({name, "XenStore", "not known", "(xenstored does not tell)", ""});
	if (const auto grants = guest.grants_by_watches())
		table.add({name, "XenStore",
			fmt::format("{} watches / {} max", *store.watches, *store.max_watches),
			"(each grant takes one)", fmt::format("-> max new grants {}", *grants)});
}

// Names the setting that the number comes from: Xen has no call that tells the limit of a running
// domain.
std::string maptrack_origin(const MaptrackLimit& limit)
{
	if (limit.source == Source::domain_config)
		return "maptrack: from this guest's configuration (max_maptrack_frames)";
	return "maptrack: Xen's default for new domains (gnttab_max_maptrack_frames); the guest's "
	       "own is not told";
}

Json guest_json(const Limits& limits)
{
	if (!limits.guest)
		return nullptr;
	const auto& guest = *limits.guest;
	Json maptrack = {{"max_frames", nullptr}, {"max_maps", nullptr}, {"source", nullptr},
		{"granted_pages", guest.granted_pages},
		{"max_region", bytes_or_null(guest.max_pages())}, {"raise", nullptr}};
	if (guest.maptrack) {
		maptrack["max_frames"] = guest.maptrack->max_frames;
		maptrack["max_maps"] =
			std::uint64_t{guest.maptrack->max_frames} * refs_per_maptrack_frame;
		maptrack["source"] = guest.maptrack->source == Source::domain_config
					     ? "domain-config"
					     : "xen-default";
		maptrack["raise"] = limits.how_to_raise(Bound::maptrack);
	}
	const auto& domain = guest.domain;
	return {{"id", domain.id.value()},
		{"name", domain.name.empty() ? Json(nullptr) : Json(domain.name)},
		{"uuid", domain.uuid.known() ? Json(domain.uuid.str()) : Json(nullptr)},
		{"maptrack", maptrack},
		{"xenstore", {{"nodes", or_null(guest.store.nodes)},
				     {"max_nodes", or_null(guest.store.max_nodes)},
				     {"max_node_size", or_null(guest.store.max_node_size)},
				     {"watches", or_null(guest.store.watches)},
				     {"max_watches", or_null(guest.store.max_watches)},
				     {"max_grants", or_null(guest.max_grants())}}}};
}

Json dom0_json(const Limits& limits)
{
	const auto& module = limits.module;
	return {{"grant_table",
			{{"version", module.gnttab_version}, {"frames", limits.table.nr_frames},
				{"max_frames", limits.table.max_frames},
				{"refs_per_frame", refs_per_frame(module.gnttab_version)},
				{"free_refs", limits.free_refs()},
				{"kept_refs", kept_refs(module, limits.table)},
				{"max_region", limits.table_pages() * page_size},
				{"raise", limits.how_to_raise(Bound::grant_table)}}},
		{"module", {{"refs", module.nr_refs}, {"max_refs", module.max_refs},
				   {"max_pages", module.max_pages},
				   {"max_region", limits.module_pages() * page_size},
				   {"raise", limits.how_to_raise(Bound::module)}}}};
}

int run_limits(const std::optional<DomainSpec>& spec, Machine& machine, Output& output)
{
	auto& host = machine.host();
	std::optional<DomainInfo> guest;
	if (spec)
		guest = Domains(host).resolve(*spec);
	const auto limits = measure_limits(host, guest);

	auto document = output.document("limits");
	document["dom0"] = dom0_json(limits);
	document["domain"] = guest_json(limits);
	document["max_region"] = limits.max_pages() * page_size;
	document["bound_by"] = to_string(limits.bound());
	document["raise"] = limits.how_to_raise(limits.bound());
	output.print(document);

	if (output.quiet()) {
		output.line(format_byte_size(limits.max_pages() * page_size));
		return 0;
	}
	Table table({"", "", "", "", ""});
	add_dom0_rows(table, limits);
	if (limits.guest)
		add_guest_rows(table, *limits.guest);
	output.text(table.render(false));
	if (limits.guest && limits.guest->maptrack)
		output.line(maptrack_origin(*limits.guest->maptrack));
	output.line(fmt::format("largest new region: {}, bounded by the {}; for more: {}",
		format_byte_size(limits.max_pages() * page_size), to_string(limits.bound()),
		limits.how_to_raise(limits.bound())));
	return 0;
}

} // namespace

void add_limits(Syntax& program, Command& command)
{
	auto text = std::make_shared<std::optional<std::string>>();
	auto& verb = program.add_verb("limits", "Show how much more can be granted");
	verb.add("DOMAIN", text.get(), "Also the limits of this guest");
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant limits\n"
		      "  xen-iomemgrant limits web1\n";
	on_verb(verb, command, run_limits,
		[text] { return *text ? std::optional(DomainSpec::parse(**text)) : std::nullopt; });
}

} // namespace iomemgrant
