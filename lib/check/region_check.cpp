// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/region_check.h"

#include <functional>

#include <fmt/format.h>

#include "lib/check/refusals.h"
#include "lib/text/byte_size.h"

namespace iomemgrant
{

Situation Situation::read(Host& host, Domains& domains, const DomainInfo& grantee)
{
	return {host.device.info(), host.device.list(), host.hypervisor.grant_table(host.self),
		host.hypervisor.maptrack_limit(grantee), read_holdings(host, domains)};
}

RegionCheck::RegionCheck(const PciDevices& devices, const Policy& policy,
	const Situation& situation, const RegionSpec& spec, const AllowSet& allow,
	const DomainInfo* grantee)
	: spec(spec), devices_(devices), policy_(policy), situation_(situation), allow_(allow),
	  grantee_(grantee), guest_(grantee ? short_name(*grantee) : "the guest"),
	  bdf_(spec.sbdf.str())
{
	try {
		candidate = locate(devices, spec);
		allowed_by_policy_ = policy.overrides(device());
	} catch (const Error& error) {
		add(error);
	}
}

void RegionCheck::run()
{
	if (!candidate)
		return;
	if (auto denied = policy_.denial(device()))
		add(std::move(*denied));
	check_changed();
	check_assigned();
	check_device();
	check_frames();
	check_configured();
}

void RegionCheck::check_device()
{
	check_segment();
	check_reserved();
	check_config();
	// A device that does not answer reads as ones, which say nothing of it.
	if (device().config == ConfigState::silent)
		return;
	check_msix();
	check_claims();
	check_dma();
	check_mirror();
	check_shared_pages();
	check_critical();
	check_driver();
	check_decode();
}

// The grant of a device that was here before: its pages are not these pages.
void RegionCheck::check_changed()
{
	for (const auto& grant : situation_.grants) {
		if (grant.region.sbdf != spec.sbdf)
			continue;
		if (const auto now = replacement(devices_, grant))
			add(device_changed(grant, *now));
	}
}

void RegionCheck::check_assigned()
{
	const auto& holders = situation_.holdings.devices;
	if (const auto held = holders.find(spec.sbdf); held != holders.end())
		add(refusal::device_assigned(region(), held->second));
}

void RegionCheck::check_frames()
{
	if (situation_.module.gnttab_version == 1 && (addresses().end - 1) >> 12 > 0xffffffff)
		add(refusal::frame_too_wide(*candidate));
}

void RegionCheck::check_configured()
{
	for (const auto& [holder, range] : situation_.holdings.pages) {
		const auto common = addresses().common({range.first, range.end});
		if (common.empty())
			continue;
		const bool own = grantee_ && holder.id == grantee_->id;
		const auto pages = pages_at(common);
		add(refusal::configured(
			    region(), pages.first * page_size, common.size(), holder, own),
			own);
		only(pages);
	}
}

Finding& RegionCheck::add(Error error, bool final)
{
	Finding finding{std::move(error)};
	const auto lifting = final ? std::nullopt : override_of(finding.error.kind());
	if (lifting && allowed_by_policy_.has(*lifting)) {
		finding.lifted = true;
	} else if (lifting) {
		finding.lifted = allow_.has(*lifting);
		finding.override_class = lifting;
	}
	return findings.emplace_back(std::move(finding));
}

Error& RegionCheck::add(ErrorKind kind, const std::string& message, std::string hint)
{
	return add(Error(kind, message, std::move(hint))).error;
}

// No override helps while something is left that none lifts; and a page that another guest has is
// worth knowing before the rest.
void RegionCheck::sort()
{
	std::stable_partition(findings.begin(), findings.end(),
		[](const Finding& finding) { return finding.error.kind() == kind::overlap; });
	std::stable_partition(findings.begin(), findings.end(), std::mem_fn(&Finding::final));
}

const Error* RegionCheck::refusal() const
{
	const auto found = std::find_if(findings.begin(), findings.end(),
		[](const Finding& finding) { return !finding.lifted; });
	return found == findings.end() ? nullptr : &found->error;
}

std::string RegionCheck::with_verb(
	const Span& pages, std::string_view singular, std::string_view plural) const
{
	if (pages.size() == 1)
		return fmt::format("page {} of BAR{} {}", pages.first, region().bar, singular);
	return fmt::format(
		"pages {}-{} of BAR{} {}", pages.first, pages.end - 1, region().bar, plural);
}

void RegionCheck::only(const Span& pages)
{
	findings.back().first_page = pages.first;
	findings.back().nr_pages = pages.size();
}

Span RegionCheck::pages_at(const Span& addresses) const
{
	return {(addresses.first - bar().first_page()) / page_size,
		(addresses.end - bar().first_page() + page_size - 1) / page_size};
}

} // namespace iomemgrant
