// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/explain.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/check/refusals.h"
#include "lib/check/region_check.h"

namespace iomemgrant
{

namespace
{

std::string bar_of(const GrantAttempt& attempt)
{
	const auto& region = attempt.candidate.region;
	return fmt::format("{} BAR{}", region.sbdf.str(), region.bar);
}

// Checks the region once more, because it may have changed since it was checked before.
std::optional<Error> found(const GrantAttempt& attempt, std::initializer_list<ErrorKind> kinds)
{
	auto& [host, domains, candidate, domain, label] = attempt;
	const auto& region = candidate.region;
	Situation now;
	now.holdings = read_holdings(host, domains);
	RegionCheck check(host.pci, host.policy(), now,
		{region.sbdf, region.bar, region.offset, region.length}, {}, &domain);
	check.run();
	for (const auto& finding : check.findings) {
		if (std::find(kinds.begin(), kinds.end(), finding.error.kind()) != kinds.end())
			return finding.error;
	}
	return std::nullopt;
}

Error unsafe(const GrantAttempt& attempt, ErrorKind kind, std::string_view why)
{
	return found(attempt, {kind})
		.value_or(Error(
			kind, fmt::format("the kernel refused {}: {}", bar_of(attempt), why)));
}

Error overlap(const GrantAttempt& attempt)
{
	for (const auto& grant : attempt.host.device.list()) {
		if (attempt.candidate.meets(grant))
			return refusal::overlap(attempt.candidate, grant,
				attempt.domains.short_name_of(grant.domid));
	}
	return {kind::overlap, fmt::format("pages of {} are already granted", bar_of(attempt)),
		"xen-iomemgrant list"};
}

Error busy(const GrantAttempt& attempt)
{
	if (attempt.candidate.device.has_active_driver())
		return unsafe(attempt, kind::driver_bound, "a driver is bound to the device");
	return found(attempt, {kind::device_assigned, kind::region_busy})
		.value_or(Error(kind::region_busy,
			fmt::format("{} is in use by another driver or assigned to a guest",
				bar_of(attempt)),
			"see /proc/iomem and xl pci-assignable-list"));
}

Error not_permitted(const GrantAttempt& attempt)
{
	if (const auto reason = found(attempt, {kind::msix_table}))
		return *reason;
	if (const auto lockdown = lockdown_of(attempt.host); lockdown.active())
		return {kind::permission,
			fmt::format("{} and grants no device memory", lockdown.describe()),
			lockdown.remedy()};
	return {kind::permission, "the kernel does not let this user grant device memory",
		"CAP_SYS_RAWIO is needed: run as root"};
}

// Another command has used the label since it was looked for, and may not have published it yet.
Error label_in_use(const GrantAttempt& attempt)
{
	std::optional<GrantId> other;
	for (const auto& grant : attempt.host.device.list()) {
		if (made_for(grant, attempt.domain) && grant.label == attempt.label)
			other = grant.id;
	}
	return refusal::label_in_use(attempt.domain, attempt.label.value(), other);
}

} // namespace

Error explain(const GrantRefused& refused, const GrantAttempt& attempt)
{
	using enum GrantRefused::Reason;
	auto& [host, domains, candidate, domain, label] = attempt;
	const auto& region = candidate.region;
	switch (refused.reason()) {
	case granted_already:
		return overlap(attempt);
	case busy_bar:
		return busy(attempt);
	case dma_capable:
		return unsafe(attempt, kind::dma_capable, "the device can do DMA");
	case decode_off:
		return unsafe(attempt, kind::decode_off, "memory decoding is off");
	case shared_page:
		return unsafe(attempt, kind::shared_page, "a page is shared with something else");
	case permission:
		return not_permitted(attempt);
	case cache_conflict:
		return {kind::cache_conflict,
			fmt::format(
				"a page of {} is granted with another cache type", bar_of(attempt)),
			"xen-iomemgrant list"};
	case frame_too_wide:
		return refusal::frame_too_wide(candidate);
	case not_mmio:
		return {kind::not_mmio,
			fmt::format("{:#x} is not device memory", candidate.address())};
	case too_many_pages:
		return refusal::too_many_pages(candidate, host.device.info());
	case too_many_refs:
		return refusal::too_many_refs(candidate, host.device.info(), region.nr_pages());
	case gnttab_full:
		return refusal::gnttab_full(
			candidate, Situation::read(host, domains, domain), 0, domain);
	case no_domain:
		return {kind::no_domain, fmt::format("domain {} is gone", describe(domain))};
	case no_device:
		return found(attempt, {kind::dead_device})
			.value_or(Error(kind::no_device,
				fmt::format("no PCI device {} in this domain", region.sbdf.str()),
				"xen-iomemgrant bars"));
	case bar_unassigned:
		return refusal::bar_unassigned(
			region.sbdf, region.bar, "firmware or kernel did not assign it");
	case no_hv_support:
		return refusal::no_hypervisor_support(host.hypervisor);
	case label_taken:
		if (label)
			return label_in_use(attempt);
		break;
	}
	return refused;
}

} // namespace iomemgrant
