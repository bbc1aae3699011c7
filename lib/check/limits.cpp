// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/limits.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "lib/inventory/domains.h"
#include "lib/text/enum_names.h"

namespace iomemgrant
{

namespace
{

// References Xen keeps at the start of every grant table.
constexpr std::uint64_t xen_refs = 8;
// Nodes of a publication that belong to the guest: its directory, what is in it from the start,
// and what it adds.
constexpr std::uint64_t nodes_per_grant = 7;
// Linux's xenbus watches the other end's state of each device.
constexpr std::uint64_t watches_per_grant = 1;

constexpr auto parameters = "/sys/module/xen_iomemgrant/parameters";
// max_refs of the module is a 32-bit number.
constexpr std::uint64_t most_refs_of_module = std::numeric_limits<std::uint32_t>::max();

std::uint64_t headroom(const ModuleInfo& module, const GrantTableSize& table)
{
	return std::min(module.headroom, table.max_frames / 2);
}

std::uint64_t minus(std::uint64_t from, std::uint64_t what)
{
	return from > what ? from - what : 0;
}

std::uint64_t frames_for(std::uint64_t refs, std::uint64_t per_frame)
{
	return (refs + per_frame - 1) / per_frame;
}

constexpr EnumName<Limits::Bound> bound_names[] = {
	{Limits::Bound::grant_table, "grant-table"},
	{Limits::Bound::module, "module"},
	{Limits::Bound::maptrack, "maptrack"},
	{Limits::Bound::hypervisor, "hypervisor"},
};

} // namespace

std::uint32_t refs_per_frame(std::uint32_t gnttab_version)
{
	return gnttab_version == 2 ? 256 : 512;
}

std::uint64_t kept_refs(const ModuleInfo& module, const GrantTableSize& table)
{
	return headroom(module, table) * refs_per_frame(module.gnttab_version);
}

std::uint64_t most_refs(const ModuleInfo& module, const GrantTableSize& table)
{
	const auto frames = table.max_frames - headroom(module, table);
	return minus(frames * refs_per_frame(module.gnttab_version), xen_refs);
}

std::string_view to_string(Limits::Bound bound)
{
	return name_in(bound_names, bound);
}

std::optional<std::uint64_t> Limits::Guest::max_pages() const
{
	if (!maptrack)
		return std::nullopt;
	return minus(std::uint64_t{maptrack->max_frames} * refs_per_maptrack_frame, granted_pages);
}

std::optional<std::uint64_t> Limits::Guest::grants_by_nodes() const
{
	if (!store.max_nodes || !store.nodes)
		return std::nullopt;
	return minus(*store.max_nodes, *store.nodes) / nodes_per_grant;
}

std::optional<std::uint64_t> Limits::Guest::grants_by_watches() const
{
	if (!store.max_watches || !store.watches)
		return std::nullopt;
	return minus(*store.max_watches, *store.watches) / watches_per_grant;
}

std::optional<std::uint64_t> Limits::Guest::max_grants() const
{
	const auto by_nodes = grants_by_nodes();
	const auto by_watches = grants_by_watches();
	if (by_nodes && by_watches)
		return std::min(*by_nodes, *by_watches);
	return by_nodes ? by_nodes : by_watches;
}

std::uint64_t Limits::free_refs() const
{
	return minus(table.max_frames, table.nr_frames) * refs_per_frame(module.gnttab_version);
}

std::uint64_t Limits::table_pages() const
{
	return std::min(minus(free_refs(), kept_refs(module, table)),
		minus(most_refs(module, table), module.nr_refs));
}

std::uint64_t Limits::module_pages() const
{
	return std::min<std::uint64_t>(module.max_pages, minus(module.max_refs, module.nr_refs));
}

Limits::Bound Limits::bound() const
{
	if (!module.hypervisor_support)
		return Bound::hypervisor;
	const auto guest_pages = guest ? guest->max_pages() : std::nullopt;
	const auto local = std::min(table_pages(), module_pages());
	if (guest_pages && *guest_pages < local)
		return Bound::maptrack;
	return table_pages() < module_pages() ? Bound::grant_table : Bound::module;
}

std::uint64_t Limits::max_pages() const
{
	switch (bound()) {
	case Bound::grant_table:
		return table_pages();
	case Bound::module:
		return module_pages();
	case Bound::hypervisor:
		return 0;
	case Bound::maptrack:
		break;
	}
	return guest->max_pages().value_or(0);
}

std::string how_to_grant_at_once(std::uint64_t pages)
{
	if (pages > module_page_limit)
		return fmt::format("one grant has at most {} pages (1G): name several regions",
			module_page_limit);
	return fmt::format("echo {} > {}/max_pages, here and in the guest", pages, parameters);
}

std::string Limits::how_to_raise(Bound what) const
{
	switch (what) {
	case Bound::grant_table:
		return fmt::format("boot Xen with gnttab_max_frames={}", 2 * table.max_frames);
	case Bound::module:
		if (module.max_pages <= minus(module.max_refs, module.nr_refs))
			return how_to_grant_at_once(
				module.max_pages < module_page_limit
					? std::min(2 * std::uint64_t{module.max_pages},
						  module_page_limit)
					: module_page_limit + 1);
		return fmt::format("echo {} > {}/max_refs",
			std::min(2 * std::uint64_t{module.max_refs}, most_refs_of_module),
			parameters);
	case Bound::hypervisor:
		return "install the patched Xen and reboot";
	case Bound::maptrack:
		break;
	}
	// Xen refuses to create a domain with more than it allows by default.
	const auto used = guest ? guest->granted_pages : 0;
	const auto frames = guest && guest->maptrack ? guest->maptrack->max_frames : 1024;
	return fmt::format("set max_maptrack_frames={0} in the guest's configuration, and boot Xen "
			   "with gnttab_max_maptrack_frames={0} or more",
		std::max<std::uint64_t>(
			2 * std::uint64_t{frames}, frames_for(2 * used, refs_per_maptrack_frame)));
}

Limits measure_limits(Host& host, const std::optional<DomainInfo>& guest)
{
	Limits limits;
	limits.module = host.device.info();
	limits.table = host.hypervisor.grant_table(host.self);
	if (!guest)
		return limits;
	limits.guest = Limits::Guest{
		*guest, host.hypervisor.maptrack_limit(*guest), 0, host.store.quota(guest->id)};
	for (const auto& grant : host.device.list()) {
		if (grant.domid == guest->id)
			limits.guest->granted_pages += grant.region.nr_pages();
	}
	return limits;
}

} // namespace iomemgrant
