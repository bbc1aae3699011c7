// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/force.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "lib/inventory/wait.h"
#include "lib/publication/publisher.h"
#include "lib/text/enum_names.h"

namespace iomemgrant
{

namespace
{

// Said of a grant that the kernel has ended without XenStore.
const std::pair<std::string, std::string> ended_alone{"ended", "true"};

// Names the entries that a mapping consists of, which a fence leaves where they are.
std::string_view leftovers(DomainType type)
{
	return type == DomainType::pv ? "its page table entries stay" : "its physmap entries stay";
}

// Without XenStore a domain has no name.
std::string holder_of(Domains& domains, Domid domid)
{
	try {
		if (const auto holder = domains.find(domid))
			return describe(*holder);
	} catch (const Error& error) {
		if (error.kind() != kind::no_xenstore)
			throw;
	}
	return fmt::format("d{}", domid.value());
}

constexpr EnumName<Rung> rung_names[] = {
	{Rung::cooperative, "cooperative"},
	{Rung::fence, "fence"},
	{Rung::disable_decode, "disable-decode"},
	{Rung::destroy_domain, "destroy-domain"},
};

} // namespace

std::string_view to_string(Rung rung)
{
	return name_in(rung_names, rung);
}

Rung parse_force(std::string_view text)
{
	const auto rung = value_in(rung_names, text);
	if (rung && *rung != Rung::cooperative)
		return *rung;
	throw Error(kind::usage,
		fmt::format("--force: '{}' is not fence, disable-decode or destroy-domain", text));
}

Force::Force(Host& host, const RevokeOptions& options, const std::vector<GrantStatus>& grants)
	: host_(host), options_(options)
{
	for (const auto& status : grants)
		revoked_.insert(status.grant.id);
}

void Force::take(const GrantStatus& status)
{
	const auto id = status.grant.id.str();
	const auto& sbdf = status.grant.region.sbdf;

	switch (options_.force) {
	case Rung::cooperative:
		break;
	case Rung::fence:
		// References that no domain maps at this moment are ended by now.  Nothing reaches
		// what is mapped: Xen cannot take entries out of the page tables of a PV guest, and
		// takes an entry out of a physmap (XEN_DOMCTL_memory_mapping) only where the domain
		// has permission of its own, and only at an address that the guest alone knows.
		host_.trace(fmt::format("{}: taking its references out of XenStore", id));
		fence(host_.store, status.path(host_.self));
		break;
	case Rung::disable_decode:
		// The device that was granted may be gone by now, and another one in its place.
		host_.pci.forget();
		if (const auto other = successor(host_.pci, status.grant))
			throw device_changed(status.grant, *other);
		if (!cut_off_.contains(sbdf))
			warn_of_others(sbdf);
		host_.trace(fmt::format("{}: turning memory decoding of {} off", id, sbdf.str()));
		host_.pci.disable_memory(sbdf);
		cut_off_.insert(sbdf);
		break;
	case Rung::destroy_domain:
		// The id may be another domain's by now.
		if (status.domain_alive && is_still(host_, status.domain)) {
			host_.trace(fmt::format("{}: destroying {}", id, describe(status.domain)));
			host_.destroy_domain(status.grant.domid);
		}
		break;
	}
}

// Decoding is the device's, not the grant's.
void Force::warn_of_others(const Sbdf& sbdf)
{
	options_.warn(fmt::format(
		"{} stops answering all its users: they read ones, or zeros under QEMU; "
		"a machine that reports SERR may take these master aborts as fatal",
		sbdf.str()));
	Domains domains(host_);
	for (const auto& grant : host_.device.list()) {
		if (grant.region.sbdf != sbdf || revoked_.contains(grant.id))
			continue;
		options_.warn(fmt::format("{} of {} is cut off with it", grant.id.str(),
			holder_of(domains, grant.domid)));
	}
	if (!host_.pci.contains(sbdf))
		return;
	if (const auto& device = host_.pci.read(sbdf); device.has_active_driver())
		options_.warn(fmt::format(
			"the driver {} is cut off with it", device.driver.value_or("of dom0")));
}

Error still_mapped(Host& host, const GrantStatus& status, const RevokeOptions& options)
{
	const auto total = status.grant.region.nr_pages();
	const auto& sbdf = status.grant.region.sbdf;
	auto mapped = total;
	for (const auto& grant : host.device.list()) {
		if (grant.id == status.grant.id)
			mapped = grant.nr_mapped.value_or(static_cast<std::uint32_t>(total));
	}
	auto message = fmt::format("{} still mapped by {} ({} of {} pages) after {}",
		status.grant.id.str(), short_name(status.domain), mapped, total,
		in_seconds(options.limit));
	std::string hint =
		"--force=disable-decode cuts the device off; --force=destroy-domain is last resort";
	switch (options.force) {
	case Rung::cooperative:
		if (const auto now = host.hypervisor.domain(status.grant.domid); now && now->paused)
			hint = fmt::format("it is paused and cannot let go: xl unpause {}; {}",
				short_name(status.domain), hint);
		break;
	case Rung::fence:
		message += fmt::format("; fenced: its references are out of XenStore, {}",
			leftovers(status.domain.type));
		break;
	case Rung::disable_decode:
		message += fmt::format("; cut off: {} answers no memory access", sbdf.str());
		hint = fmt::format("--force=destroy-domain is last resort; afterwards setpci -s {} "
				   "COMMAND=2:2 turns the device on again",
			sbdf.str());
		break;
	case Rung::destroy_domain:
		message += "; the domain was destroyed, but Xen is not done with it";
		hint = "xl list; the kernel ends the grant as soon as Xen is done";
		break;
	}
	return Error(kind::still_mapped, message, hint)
		.with("grant", status.grant.id.str())
		.with("mapped_pages", fmt::format("{}", mapped))
		.with("rung", std::string(to_string(options.force)));
}

Error without_xenstore(const Error& no_xenstore, GrantId id, bool ended, bool cut_off)
{
	Error error(no_xenstore.kind(),
		fmt::format("{}; {} {}", no_xenstore.what(), id.str(),
			ended     ? "is ended, what XenStore says of it stays"
			: cut_off ? "is cut off, and ends when its pages are let go"
				  : "ends when its pages are let go"),
		no_xenstore.hint());
	error.with("grant", id.str());
	if (ended)
		error.with(ended_alone.first, ended_alone.second);
	return error;
}

bool says_ended(const Error& error)
{
	return std::ranges::find(error.details(), ended_alone) != error.details().end();
}

} // namespace iomemgrant
