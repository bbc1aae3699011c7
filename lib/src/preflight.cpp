// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/preflight.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iomemgrant/grant_status.h>
#include <iomemgrant/limits.h>
#include <iomemgrant/safety.h>

#include "refusals.h"

namespace iomemgrant
{

namespace
{

/// Collects what speaks against one candidate.
class Judge
{
public:
	Judge(Host& host, const Situation& situation, Domains& domains, const Candidate& candidate,
		const DomainInfo& domain, const AllowSet& allow)
		: host_(host), situation_(situation), domains_(domains), candidate_(candidate),
		  domain_(domain), allow_(allow)
	{
	}

	std::vector<Finding> findings()
	{
		const auto& policy = host_.policy();
		if (auto denied = policy.denial(candidate_.device))
			add(std::move(*denied));
		allow_.add(policy.overrides(candidate_.device));
		device_changed();
		granted_already();
		limits();
		for (const auto& error : unsafe(host_.pci, candidate_.region, {}, short_name(domain_))) {
			// An override of the MSI-X check is meant for read-only grants, which there
			// are not.
			add(error, error.kind() != kind::msix_table && allow_.lifts(error.kind()));
		}
		// What nothing lifts comes first: naming an override would not help then.
		std::stable_partition(findings_.begin(), findings_.end(), [](const Finding& finding) {
			const auto refusal = finding.error.kind();
			return refusal == kind::msix_table || !AllowSet::all().lifts(refusal);
		});
		return std::move(findings_);
	}

private:
	void add(Error error, bool lifted = false)
	{
		findings_.push_back({std::move(error), lifted});
	}

	// The grant of a device that was here before: its pages are not these pages.
	void device_changed()
	{
		for (const auto& grant : situation_.grants) {
			if (grant.region.sbdf != candidate_.region.sbdf)
				continue;
			if (const auto now = replacement(host_.pci, grant))
				add(iomemgrant::device_changed(grant, *now));
		}
	}

	void granted_already()
	{
		for (const auto& grant : situation_.grants) {
			if (!candidate_.meets(grant))
				continue;
			const auto holder = domains_.find(grant.domid);
			auto error = refusal::overlap(candidate_, grant,
				holder ? short_name(*holder)
				       : fmt::format("d{}", grant.domid.value()));
			// Sharing is between domains; nobody gets the same page twice.
			const bool lifted =
				allow_.has(AllowClass::overlap) && grant.domid != domain_.id;
			add(std::move(error), lifted);
		}
	}

	void limits()
	{
		const auto& module = situation_.module;
		const auto& table = situation_.grant_table;
		const auto refs = candidate_.region.nr_pages() + situation_.other_refs;
		const auto last = candidate_.address() + candidate_.region.length - 1;
		if (module.gnttab_version == 1 && last >> 12 > 0xffffffff)
			add(refusal::frame_too_wide(candidate_));
		// Free entries of frames in use are not visible from here, so a request is only
		// refused when it could not fit whatever is free in them.
		if (module.nr_refs + refs > most_refs(module, table))
			add(refusal::gnttab_full(candidate_, situation_, domain_));
		if (situation_.maptrack && mapped_at_once() > std::uint64_t{
				situation_.maptrack->max_frames} * refs_per_maptrack_frame)
			add(refusal::maptrack_full(
				candidate_, *situation_.maptrack, mapped_at_once(), domain_));
		if (candidate_.region.nr_pages() > module.max_pages)
			add(refusal::too_many_pages(candidate_, module));
		if (module.nr_refs + refs > module.max_refs)
			add(refusal::too_many_refs(candidate_, module));
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
	AllowSet allow_;
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

Situation survey(Host& host, const DomainInfo& domain)
{
	return {host.device.info(), host.device.list(), host.hypervisor.grant_table(host.self),
		host.hypervisor.maptrack_limit(domain), 0};
}

std::vector<Finding> judge(Host& host, const Situation& situation, Domains& domains,
	const Candidate& candidate, const DomainInfo& domain, const AllowSet& allow)
{
	return Judge(host, situation, domains, candidate, domain, allow).findings();
}

Error explain_refusal(Host& host, Domains& domains, const Error& error, const Candidate& candidate,
	const DomainInfo& domain)
{
	const auto& region = candidate.region;
	const auto bar = fmt::format("{} BAR{}", region.sbdf.str(), region.bar);
	const auto unsafe_because = [&](ErrorKind kind, const char* what) {
		for (const auto& reason : unsafe(host.pci, region, {}, short_name(domain))) {
			if (reason.kind() == kind)
				return reason;
		}
		// Not so when we looked: it changed since.
		return Error(kind, fmt::format("the kernel refused {}: {}", bar, what));
	};
	switch (error.os_error()) {
	case EEXIST:
		for (const auto& grant : host.device.list()) {
			if (!candidate.meets(grant))
				continue;
			const auto holder = domains.find(grant.domid);
			return refusal::overlap(candidate, grant,
				holder ? short_name(*holder)
				       : fmt::format("d{}", grant.domid.value()));
		}
		return {kind::overlap, fmt::format("pages of {} are already granted", bar),
			"xen-iomemgrant list"};
	case EBUSY:
		if (candidate.device.has_active_driver())
			return unsafe_because(kind::driver_bound, "a driver is bound to the device");
		return {kind::region_busy,
			fmt::format("{} is in use by another driver or assigned to a guest", bar),
			"see /proc/iomem and xl pci-assignable-list"};
	case EACCES:
		return unsafe_because(kind::dma_capable, "the device can do DMA");
	case EHOSTDOWN:
		return unsafe_because(kind::decode_off, "memory decoding is off");
	case EPERM:
		for (const auto& reason : unsafe(host.pci, region, {}, short_name(domain))) {
			if (reason.kind() == kind::msix_table)
				return reason;
		}
		if (const auto lockdown = lockdown_of(host); lockdown.active())
			return {kind::permission,
				fmt::format("{} and grants no device memory", lockdown.describe()),
				lockdown.remedy()};
		return {kind::permission, "the kernel does not let this user grant device memory",
			"CAP_SYS_RAWIO is needed: run as root"};
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
		return refusal::too_many_refs(candidate, host.device.info());
	case ENOSPC:
		return refusal::gnttab_full(candidate, survey(host, domain), domain);
	case ESRCH:
		return {kind::no_domain, fmt::format("domain {} is gone", describe(domain))};
	case ENODEV:
		return {kind::no_device,
			fmt::format("no PCI device {} in this domain", region.sbdf.str()),
			"xen-iomemgrant bars"};
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
