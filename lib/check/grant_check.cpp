// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/grant_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/check/grantee.h"
#include "lib/check/limits.h"
#include "lib/check/refusals.h"

namespace iomemgrant
{

GrantCheck::GrantCheck(Host& host, Domains& domains, const DomainSpec& domain,
	const std::vector<RegionSpec>& specs, const GrantOptions& options)
	: host_(host), domains_(domains), options_(options),
	  domain_(resolve_grantee(host, domains, domain, options.wait.has_value()))
{
	if (options.label && specs.size() > 1)
		throw Error(kind::usage, "a label names one grant", "give one REGION with --label");
	situation_ = Situation::read(host, domains, domain_);
	support_ = lacking_support();
	taken_ = label_taken();
	for (const auto& spec : specs)
		regions_.push_back(check(spec));
}

std::optional<Error> GrantCheck::lacking_support()
{
	if (!situation_.module.can_grant)
		return Error(
			kind::not_dom0, "the module says that this is not the hardware domain");
	if (!situation_.module.hypervisor_support)
		return refusal::no_hypervisor_support(host_.hypervisor);
	return std::nullopt;
}

std::optional<Error> GrantCheck::label_taken() const
{
	if (!options_.label)
		return std::nullopt;
	for (const auto& grant : situation_.grants) {
		if (made_for(grant, domain_) && grant.label == options_.label)
			return refusal::label_in_use(domain_, *options_.label, grant.id);
	}
	return std::nullopt;
}

RegionCheck GrantCheck::check(const RegionSpec& spec)
{
	RegionCheck check(host_.pci, host_.policy(), situation_, spec, options_.allow, &domain_);
	if (!check.candidate)
		return check;
	if (!support_)
		check.granted = granted(*check.candidate);
	if (check.granted) {
		if (taken_ && check.granted->label != options_.label)
			check.add(*taken_);
		return check;
	}
	check.run();
	check_grants(check);
	check_limits(check);
	check.sort();
	if (support_)
		check.findings.insert(check.findings.begin(), {*support_});
	if (taken_)
		check.add(*taken_);
	check_repeated(check);
	other_refs_ += check.candidate->region.nr_pages();
	return check;
}

std::optional<GrantStatus> GrantCheck::granted(const Candidate& candidate)
{
	if (host_.policy().denial(candidate.device))
		return std::nullopt;
	const auto& grants = situation_.grants;
	const auto found = std::find_if(grants.begin(), grants.end(), [&](const Grant& grant) {
		return grant.domid == domain_.id && grant.region == candidate.region &&
		       grant.state == Grant::State::live;
	});
	if (found == grants.end())
		return std::nullopt;
	auto status = inspect(host_, domains_, *found);
	const bool same = status.domain_alive && status.published && !status.other_device &&
			  status.backend_state == XenbusState::connected &&
			  status.cache == options_.cache;
	if (!same)
		return std::nullopt;
	return status;
}

void GrantCheck::check_grants(RegionCheck& check)
{
	const auto& candidate = *check.candidate;
	for (const auto& grant : situation_.grants) {
		if (!candidate.meets(grant))
			continue;
		const auto holder = domains_.short_name_of(grant.domid);
		// Sharing is between domains; no domain gets the same page twice.
		const bool own = grant.domid == domain_.id;
		check.add(refusal::overlap(candidate, grant, holder), own);
		if (!own && grant.cache != options_.cache)
			check.add(
				refusal::cache_conflict(candidate, options_.cache, grant, holder));
	}
}

void GrantCheck::check_limits(RegionCheck& check) const
{
	const auto& candidate = *check.candidate;
	const auto& module = situation_.module;
	const auto& maptrack = situation_.maptrack;
	const auto pages = candidate.region.nr_pages();
	const auto refs = pages + other_refs_;
	// First, because raising the other limits would be in vain.
	if (pages > module_page_limit)
		check.add(refusal::too_many_pages(candidate, module));
	// Free entries of frames in use are not visible from here, so a request is only refused
	// when it could not fit even if all of them were free.
	if (module.nr_refs + refs > most_refs(module, situation_.grant_table))
		check.add(refusal::gnttab_full(candidate, situation_, other_refs_, domain_));
	const auto mappings = mapped_at_once(refs);
	if (maptrack && mappings > std::uint64_t{maptrack->max_frames} * refs_per_maptrack_frame)
		check.add(refusal::maptrack_full(candidate, *maptrack, mappings, domain_));
	if (pages > module.max_pages && pages <= module_page_limit)
		check.add(refusal::too_many_pages(candidate, module));
	if (module.nr_refs + refs > module.max_refs)
		check.add(refusal::too_many_refs(candidate, module, refs));
}

// All the guest may have mapped of ours once it has @refs more.
std::uint64_t GrantCheck::mapped_at_once(std::uint64_t refs) const
{
	for (const auto& grant : situation_.grants) {
		if (grant.domid == domain_.id)
			refs += grant.region.nr_pages();
	}
	return refs;
}

void GrantCheck::check_repeated(RegionCheck& check) const
{
	for (const auto& other : regions_) {
		if (other.candidate && other.candidate->region.overlaps(check.candidate->region))
			check.add(refusal::named_twice(*check.candidate, other.candidate->region),
				true);
	}
}

std::optional<AllowSet> GrantCheck::needed() const
{
	AllowSet allow;
	for (const auto& region : regions_) {
		for (const auto& finding : region.findings) {
			if (finding.final())
				return std::nullopt;
			if (finding.override_class)
				allow.add(*finding.override_class);
		}
	}
	return allow;
}

} // namespace iomemgrant
