// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/preflight.h"

#include <algorithm>
#include <cerrno>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/check/limits.h"
#include "lib/check/refusals.h"
#include "lib/inventory/grant_status.h"
#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

std::string holder_of(Domains& domains, const Grant& grant)
{
	const auto holder = domains.find(grant.domid);
	return holder ? short_name(*holder) : fmt::format("d{}", grant.domid.value());
}

/// Collects what speaks against one candidate.
class Judge
{
public:
	Judge(Host& host, const Situation& situation, Domains& domains, const Candidate& candidate,
		const DomainInfo& domain, const GrantOptions& options)
		: host_(host), situation_(situation), domains_(domains), candidate_(candidate),
		  domain_(domain), cache_(options.cache), allow_(options.allow)
	{
	}

	std::vector<Finding> findings()
	{
		const auto& policy = host_.policy();
		policy_ = policy.overrides(candidate_.device);
		for (auto& hazard :
			obstacles(host_.pci, policy, situation_, candidate_.region, &domain_))
			add(std::move(hazard));
		granted_already();
		limits();
		// No override helps while something is left that none lifts; and a page that
		// another guest has is worth knowing before the rest.
		std::stable_partition(
			findings_.begin(), findings_.end(), [](const Finding& finding) {
				return finding.error.kind() == kind::overlap;
			});
		std::stable_partition(
			findings_.begin(), findings_.end(), [](const Finding& finding) {
				return !finding.lifted && !finding.override_name;
			});
		return std::move(findings_);
	}

private:
	void add(Hazard hazard)
	{
		Finding finding{std::move(hazard.error), false, {}};
		const auto refusal = finding.error.kind();
		if (!hazard.final && policy_.lifts(refusal)) {
			finding.lifted = true;
		} else if (!hazard.final && AllowSet::all().lifts(refusal)) {
			finding.lifted = allow_.lifts(refusal);
			finding.override_name = refusal.slug;
		}
		findings_.push_back(std::move(finding));
	}

	void add(Error error) { add(Hazard{std::move(error)}); }

	void granted_already()
	{
		for (const auto& grant : situation_.grants) {
			if (!candidate_.meets(grant))
				continue;
			const auto holder = holder_of(domains_, grant);
			Hazard shared{refusal::overlap(candidate_, grant, holder)};
			// Sharing is between domains; no domain gets the same page twice.
			shared.final = grant.domid == domain_.id;
			add(std::move(shared));
			if (grant.domid != domain_.id && grant.cache != cache_)
				add(refusal::cache_conflict(candidate_, cache_, grant, holder));
		}
	}

	void limits()
	{
		const auto& module = situation_.module;
		const auto& table = situation_.grant_table;
		const auto refs = candidate_.region.nr_pages() + situation_.other_refs;
		// First, because raising the other limits would be in vain.
		if (candidate_.region.nr_pages() > module_page_limit)
			add(refusal::too_many_pages(candidate_, module));
		// Free entries of frames in use are not visible from here, so a request is only
		// refused when it could not fit even if all of them were free.
		if (module.nr_refs + refs > most_refs(module, table))
			add(refusal::gnttab_full(candidate_, situation_, domain_));
		if (situation_.maptrack &&
			mapped_at_once() > std::uint64_t{situation_.maptrack->max_frames} *
						   refs_per_maptrack_frame)
			add(refusal::maptrack_full(
				candidate_, *situation_.maptrack, mapped_at_once(), domain_));
		if (candidate_.region.nr_pages() > module.max_pages &&
			candidate_.region.nr_pages() <= module_page_limit)
			add(refusal::too_many_pages(candidate_, module));
		if (module.nr_refs + refs > module.max_refs)
			add(refusal::too_many_refs(candidate_, module, refs));
	}

	// All the guest may have mapped of ours once it has this, too.
	std::uint64_t mapped_at_once() const
	{
		auto pages = candidate_.region.nr_pages() + situation_.other_refs;
		for (const auto& grant : situation_.grants) {
			if (grant.domid == domain_.id)
				pages += grant.region.nr_pages();
		}
		return pages;
	}

	Host& host_;
	const Situation& situation_;
	Domains& domains_;
	const Candidate& candidate_;
	const DomainInfo& domain_;
	Cache cache_;
	AllowSet allow_;
	AllowSet policy_;
	std::vector<Finding> findings_;
};

} // namespace

std::uint64_t Candidate::address_of(const Grant& grant) const
{
	return grant.address ? grant.address : bar().first_page() + grant.region.offset;
}

// Small BARs of different devices may lie in one page, so addresses count where they are known.
bool Candidate::meets(const Grant& grant) const
{
	if (!grant.address)
		return grant.region.overlaps(region);
	return grant.address < address() + region.length &&
	       address() < grant.address + grant.region.length;
}

Candidate locate(const PciDevices& pci, const RegionSpec& spec)
{
	const auto region = settle(pci, spec);
	require_present(pci, region);
	return {pci.read(spec.sbdf), region};
}

Situation survey(Host& host, Domains& domains, const DomainInfo& domain)
{
	return {host.device.info(), host.device.list(), host.hypervisor.grant_table(host.self),
		host.hypervisor.maptrack_limit(domain), read_holdings(host, domains), 0};
}

std::vector<Hazard> obstacles(const PciDevices& pci, const Policy& policy,
	const Situation& situation, const Region& region, const DomainInfo* grantee)
{
	const auto& holdings = situation.holdings;
	std::vector<Hazard> found;
	const auto& device = pci.read(region.sbdf);
	if (auto denied = policy.denial(device))
		found.push_back({std::move(*denied)});
	// The grant of a device that was here before: its pages are not these pages.
	for (const auto& grant : situation.grants) {
		if (grant.region.sbdf != region.sbdf)
			continue;
		if (const auto now = replacement(pci, grant))
			found.push_back({device_changed(grant, *now)});
	}
	if (const auto held = holdings.devices.find(region.sbdf); held != holdings.devices.end())
		found.push_back({refusal::device_assigned(region, held->second)});
	auto more = hazards(pci, region, grantee ? short_name(*grantee) : "the guest");
	std::move(more.begin(), more.end(), std::back_inserter(found));
	const Candidate candidate{device, region};
	const auto start = candidate.address();
	const auto last = start + region.length - 1;
	if (situation.module.gnttab_version == 1 && last >> 12 > 0xffffffff)
		found.push_back({refusal::frame_too_wide(candidate)});
	for (const auto& [holder, range] : holdings.pages) {
		const MachineRange common{
			std::max(range.first, start), std::min(range.end, start + region.length)};
		if (common.first >= common.end)
			continue;
		const bool own = grantee && holder.id == grantee->id;
		const auto first = region.offset + (common.first - start);
		const auto length = common.end - common.first;
		found.push_back({refusal::configured(region, first, length, holder, own),
			first / page_size, length / page_size, own});
	}
	return found;
}

std::vector<Finding> judge(Host& host, const Situation& situation, Domains& domains,
	const Candidate& candidate, const DomainInfo& domain, const GrantOptions& options)
{
	return Judge(host, situation, domains, candidate, domain, options).findings();
}

Error explain_refusal(Host& host, Domains& domains, const Error& error, const Candidate& candidate,
	const DomainInfo& domain)
{
	const auto& region = candidate.region;
	const auto bar = fmt::format("{} BAR{}", region.sbdf.str(), region.bar);
	const auto found = [&](std::initializer_list<ErrorKind> kinds) -> std::optional<Error> {
		Situation now;
		now.holdings = read_holdings(host, domains);
		for (auto& reason : obstacles(host.pci, host.policy(), now, region, &domain)) {
			if (std::find(kinds.begin(), kinds.end(), reason.error.kind()) !=
				kinds.end())
				return std::move(reason.error);
		}
		return std::nullopt;
	};
	const auto unsafe_because = [&](ErrorKind kind, const char* what) {
		// Not so when the device was looked at: it changed since.
		return found({kind}).value_or(
			Error(kind, fmt::format("the kernel refused {}: {}", bar, what)));
	};
	switch (error.os_error()) {
	case EEXIST:
		for (const auto& grant : host.device.list()) {
			if (!candidate.meets(grant))
				continue;
			return refusal::overlap(candidate, grant, holder_of(domains, grant));
		}
		return {kind::overlap, fmt::format("pages of {} are already granted", bar),
			"xen-iomemgrant list"};
	case EBUSY:
		if (candidate.device.has_active_driver())
			return unsafe_because(
				kind::driver_bound, "a driver is bound to the device");
		return found({kind::device_assigned, kind::region_busy})
			.value_or(Error(kind::region_busy,
				fmt::format("{} is in use by another driver or assigned to a guest",
					bar),
				"see /proc/iomem and xl pci-assignable-list"));
	case EACCES:
		return unsafe_because(kind::dma_capable, "the device can do DMA");
	case EHOSTDOWN:
		return unsafe_because(kind::decode_off, "memory decoding is off");
	case EPERM:
		if (const auto reason = found({kind::msix_table}))
			return *reason;
		if (const auto lockdown = lockdown_of(host); lockdown.active())
			return {kind::permission,
				fmt::format("{} and grants no device memory", lockdown.describe()),
				lockdown.remedy()};
		return {kind::permission, "the kernel does not let this user grant device memory",
			"CAP_SYS_RAWIO is needed: run as root"};
	case EMEDIUMTYPE:
		return found({kind::cache_conflict})
			.value_or(Error(kind::cache_conflict,
				fmt::format("a page of {} is granted with another cache type", bar),
				"xen-iomemgrant list"));
	case ENOTUNIQ:
		return unsafe_because(kind::shared_page, "a page is shared with something else");
	case EOVERFLOW:
		return refusal::frame_too_wide(candidate);
	case EADDRNOTAVAIL:
		return {kind::not_mmio,
			fmt::format("{:#x} is not device memory", candidate.address())};
	case EFBIG:
		return refusal::too_many_pages(candidate, host.device.info());
	case EDQUOT:
		return refusal::too_many_refs(
			candidate, host.device.info(), candidate.region.nr_pages());
	case ENOSPC:
		return refusal::gnttab_full(candidate, survey(host, domains, domain), domain);
	case ESRCH:
		return {kind::no_domain, fmt::format("domain {} is gone", describe(domain))};
	case ENODEV:
		return found({kind::dead_device})
			.value_or(Error(kind::no_device,
				fmt::format("no PCI device {} in this domain", region.sbdf.str()),
				"xen-iomemgrant bars"));
	case ENXIO:
		return {kind::bar_unassigned,
			fmt::format("BAR{} has no address (firmware or kernel did not assign it)",
				region.bar),
			fmt::format("dmesg | grep \"BAR {}\"", region.bar)};
	case EOPNOTSUPP:
		return refusal::no_hypervisor_support(host.hypervisor);
	default:
		return error;
	}
}

} // namespace iomemgrant
