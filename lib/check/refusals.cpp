// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/refusals.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/check/limits.h"
#include "lib/text/byte_size.h"

namespace iomemgrant::refusal
{

namespace
{

// "page 4", "pages 4-5"
std::string pages(std::uint64_t first, std::uint64_t end)
{
	const auto last = (end - 1) / page_size;
	if (first / page_size == last)
		return fmt::format("page {}", last);
	return fmt::format("pages {}-{}", first / page_size, last);
}

// "page 4 of BAR2 is", "pages 4-5 of BAR2 are"
std::string pages_of(const Region& region, std::uint64_t first, std::uint64_t end)
{
	return fmt::format("{} of BAR{} {}", pages(first, end), region.bar,
		end - first == page_size ? "is" : "are");
}

// Those of @wanted that @existing has.
std::string common_pages(const Candidate& wanted, const Grant& existing)
{
	const auto held = wanted.address_of(existing) - wanted.bar().first_page();
	return pages_of(wanted.region, std::max(wanted.region.offset, held),
		std::min(wanted.region.end(), held + existing.region.length));
}

Error no_watch_left(
	XenStore& store, const DomainInfo& domain, const Grant& grant, std::string_view fate)
{
	const auto name = short_name(domain);
	// oxenstored neither tells the limit nor changes it while it runs.
	const auto remedy =
		store.quota(domain.id).max_watches
			? fmt::format("xenstore-control quota set watches N; xen-iomemgrant limits "
				      "{} counts them",
				  name)
			: "raise quota-maxwatch in /etc/xen/oxenstored.conf and reboot";
	return Error(kind::xenstore_quota,
		fmt::format("{} could not map {}: all XenStore watches it may have are in use; {}",
			name, grant.id.str(), fate),
		fmt::format("revoke another grant of {}, or {}", name, remedy))
		.with("domain", name);
}

} // namespace

Error overlap(const Candidate& wanted, const Grant& existing, const std::string& holder)
{
	return Error(kind::overlap,
		fmt::format("{} already granted to {} ({})", common_pages(wanted, existing), holder,
			existing.id.str()),
		fmt::format("revoke {} or choose another range", existing.id.str()))
		.with("bdf", wanted.region.sbdf.str())
		.with("grant", existing.id.str());
}

Error configured(const Region& wanted, std::uint64_t first, std::uint64_t length,
	const DomainInfo& holder, bool own)
{
	const auto them = pages_of(wanted, first, first + length);
	const auto name = short_name(holder);
	auto error = own ? Error(kind::overlap,
				   fmt::format("{} {}'s already, by iomem= of its configuration",
					   them, name),
				   "it needs no grant")
			 : Error(kind::overlap,
				   fmt::format("{} given to {} by iomem= of its configuration",
					   them, name),
				   fmt::format("restart {} without it, or --allow=overlap to share",
					   name));
	error.with("bdf", wanted.sbdf.str()).with("domain", name);
	return error;
}

Error device_assigned(const Region& wanted, const DomainInfo& holder)
{
	return Error(kind::device_assigned,
		fmt::format(
			"{} is assigned to {} as a whole", wanted.sbdf.str(), short_name(holder)),
		fmt::format("xl pci-detach {} {}", short_name(holder), wanted.sbdf.str()))
		.with("bdf", wanted.sbdf.str())
		.with("domain", short_name(holder));
}

Error cache_conflict(
	const Candidate& wanted, Cache cache, const Grant& existing, const std::string& holder)
{
	const auto held = existing.cache;
	return Error(kind::cache_conflict,
		fmt::format("{} granted to {} ({}) as {}; {} beside it can hang the machine",
			common_pages(wanted, existing), holder, existing.id.str(), to_string(held),
			to_string(cache)),
		fmt::format("pass --cache={} as well, or revoke {}", to_string(held),
			existing.id.str()))
		.with("bdf", wanted.region.sbdf.str())
		.with("grant", existing.id.str())
		.with("cache", std::string(to_string(held)));
}

Error named_twice(const Candidate& wanted, const Region& other)
{
	const auto first = std::max(wanted.region.offset, other.offset);
	const auto end = std::min(wanted.region.end(), other.end());
	const bool one = end - first == page_size;
	return Error(kind::overlap,
		fmt::format("{} of BAR{} {} asked for twice", pages(first, end), wanted.region.bar,
			one ? "is" : "are"),
		"name each page once")
		.with("bdf", wanted.region.sbdf.str());
}

Error label_in_use(const DomainInfo& domain, const Label& label, std::optional<GrantId> id)
{
	const auto message = fmt::format(
		"{} already has a grant labelled '{}'", short_name(domain), label.str());
	if (!id)
		return {kind::label_in_use, message, "choose another label"};
	return {kind::label_in_use, fmt::format("{} ({})", message, id->str()),
		fmt::format("revoke {} or choose another label", id->str())};
}

Error gnttab_full(const Candidate& wanted, const Situation& situation, std::uint64_t other_refs,
	const DomainInfo& domain)
{
	const auto& table = situation.grant_table;
	const auto per_frame = refs_per_frame(situation.module.gnttab_version);
	const auto free =
		std::uint64_t{table.max_frames - std::min(table.nr_frames, table.max_frames)} *
		per_frame;
	const auto refs = wanted.region.nr_pages();
	// With a remedy for this region alone the next run would refuse the others.
	const auto all = refs + other_refs;
	const auto frames = table.max_frames + (all + per_frame - 1) / per_frame;
	const auto maptrack = (all + refs_per_maptrack_frame - 1) / refs_per_maptrack_frame;
	auto hint = fmt::format("boot Xen with gnttab_max_frames={}", frames);
	// Where it is not known, Xen's default; fewer never need setting.
	if (maptrack > (situation.maptrack ? situation.maptrack->max_frames : 1024))
		hint += fmt::format(", and set max_maptrack_frames={} in {}'s config", maptrack,
			short_name(domain));
	auto message =
		fmt::format("{} needs {} grant refs; dom0 has {} free (gnttab_max_frames={})",
			describe_byte_size(wanted.region.length), refs, free, table.max_frames);
	if (refs <= free)
		message += fmt::format(", of which {} are kept for other drivers",
			kept_refs(situation.module, table));
	return Error(kind::gnttab_full, message, hint)
		.with("refs", std::to_string(refs))
		.with("free_refs", std::to_string(free))
		.with("max_frames", std::to_string(table.max_frames));
}

Error maptrack_full(const Candidate& wanted, const MaptrackLimit& limit, std::uint64_t needed,
	const DomainInfo& domain)
{
	const bool own = limit.source == MaptrackLimit::Source::domain_config;
	const auto frames = (needed + refs_per_maptrack_frame - 1) / refs_per_maptrack_frame;
	const auto pages = wanted.region.nr_pages();
	const auto before = needed > pages ? fmt::format(" besides {}", needed - pages) : "";
	return Error(kind::maptrack_full,
		fmt::format(
			"{} are {} mappings{}; {} can have {} at once ({}max_maptrack_frames={})",
			describe_byte_size(wanted.region.length), pages, before, short_name(domain),
			std::uint64_t{limit.max_frames} * refs_per_maptrack_frame,
			own ? "" : "Xen's gnttab_", limit.max_frames),
		fmt::format("set max_maptrack_frames={0} in {1}'s config, and boot Xen with "
			    "gnttab_max_maptrack_frames={0} or more",
			frames, short_name(domain)))
		.with("mappings", std::to_string(needed))
		.with("max_frames", std::to_string(limit.max_frames));
}

Error too_many_pages(const Candidate& wanted, const ModuleInfo& module)
{
	return {kind::module_limit,
		fmt::format("{} are {} pages; the module grants at most {} at once",
			describe_byte_size(wanted.region.length), wanted.region.nr_pages(),
			module.max_pages),
		how_to_grant_at_once(wanted.region.nr_pages())};
}

Error too_many_refs(const Candidate& wanted, const ModuleInfo& module, std::uint64_t needed)
{
	return {kind::module_limit,
		fmt::format("{} needs {} grant refs; the module holds {} of at most {}",
			describe_byte_size(wanted.region.length), wanted.region.nr_pages(),
			module.nr_refs, module.max_refs),
		fmt::format("echo {} > /sys/module/xen_iomemgrant/parameters/max_refs",
			module.nr_refs + needed)};
}

Error bar_unassigned(const Sbdf& sbdf, unsigned bar, std::string_view why)
{
	return Error(kind::bar_unassigned, fmt::format("BAR{} has no address ({})", bar, why),
		fmt::format("dmesg | grep \"BAR {}\"", bar))
		.with("bdf", sbdf.str());
}

Error frame_too_wide(const Candidate& wanted)
{
	return {kind::frame_too_wide,
		fmt::format(
			"BAR{} lies at {:#x}, above the 16 TiB that grant table version 1 can name",
			wanted.region.bar, wanted.bar().address),
		"boot dom0 with grant_table.version=2 and Xen with gnttab=max-ver:2"};
}

Error no_hypervisor_support(Hypervisor& hypervisor)
{
	return {kind::no_hv_support,
		fmt::format("hypervisor cannot grant MMIO (GNTMAP_iomem_map unsupported by Xen {})",
			hypervisor.info().version),
		"install the patched Xen"};
}

Error guest_failed(XenStore& store, const DomainInfo& domain, const Grant& grant,
	const std::string& reason, std::string_view fate)
{
	if (reason.starts_with("ENOSPC watches"))
		return no_watch_left(store, domain, grant, fate);
	const auto name = short_name(domain);
	const auto id = grant.id.str();
	std::string hint = "xen-iomemagent doctor in the guest tells more";
	if (reason.starts_with("EFBIG"))
		hint = fmt::format(
			"in {}: echo {} > /sys/module/xen_iomemgrant/parameters/max_pages", name,
			grant.region.nr_pages());
	return Error(kind::guest_error,
		fmt::format("{} could not map {}: {}; {}", name, id,
			reason.empty() ? "it gave no reason" : reason, fate),
		hint)
		.with("domain", name);
}

} // namespace iomemgrant::refusal
