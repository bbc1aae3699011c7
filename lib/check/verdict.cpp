// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/verdict.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/check/grantee.h"
#include "lib/check/refusals.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

/// Judges the regions of one command.
class Judging
{
public:
	Judging(Host& host, Domains& domains, const DomainInfo& domain, const GrantOptions& options)
		: host_(host), domains_(domains), domain_(domain), options_(options),
		  situation_(survey(host, domains, domain)), support_(lacking_support()),
		  taken_(label_taken())
	{
	}

	Verdict judge(const RegionSpec& spec);

private:
	std::optional<Error> lacking_support();
	std::optional<Error> label_taken();
	std::optional<GrantStatus> granted(const Candidate& candidate);

	Host& host_;
	Domains& domains_;
	const DomainInfo& domain_;
	const GrantOptions& options_;
	Situation situation_;
	std::optional<Error> support_;
	std::optional<Error> taken_;
	std::vector<Region> seen_;
};

std::optional<Error> Judging::lacking_support()
{
	if (!situation_.module.can_grant)
		return Error(
			kind::not_dom0, "the module says that this is not the hardware domain");
	if (!situation_.module.hypervisor_support)
		return refusal::no_hypervisor_support(host_.hypervisor);
	return std::nullopt;
}

std::optional<Error> Judging::label_taken()
{
	if (!options_.label)
		return std::nullopt;
	for (const auto& grant : situation_.grants) {
		// Grants of an earlier domain with the same id are not this one's.
		const bool other = grant.domid != domain_.id ||
				   (grant.uuid.known() && grant.uuid != domain_.uuid);
		if (other || grant.label != options_.label)
			continue;
		return Error(kind::label_in_use,
			fmt::format("{} already has a grant labelled '{}' ({})",
				short_name(domain_), options_.label->str(), grant.id.str()),
			fmt::format("revoke {} or choose another label", grant.id.str()));
	}
	return std::nullopt;
}

Verdict Judging::judge(const RegionSpec& spec)
{
	Verdict verdict{spec, {}, {}, {}};
	auto& findings = verdict.findings;
	try {
		verdict.candidate = locate(host_.pci, spec);
	} catch (const Error& error) {
		findings.push_back({error, false, {}});
		return verdict;
	}
	if (support_)
		findings.push_back({*support_, false, {}});
	else
		verdict.granted = granted(*verdict.candidate);
	if (verdict.granted) {
		if (taken_ && verdict.granted->label != options_.label)
			findings.push_back({*taken_, false, {}});
		seen_.push_back(verdict.candidate->region);
		return verdict;
	}
	auto more = iomemgrant::judge(
		host_, situation_, domains_, *verdict.candidate, domain_, options_);
	std::move(more.begin(), more.end(), std::back_inserter(findings));
	if (taken_)
		findings.push_back({*taken_, false, {}});
	for (const auto& other : seen_) {
		if (other.overlaps(verdict.candidate->region))
			findings.push_back(
				{refusal::named_twice(*verdict.candidate, other), false, {}});
	}
	seen_.push_back(verdict.candidate->region);
	situation_.other_refs += verdict.candidate->region.nr_pages();
	return verdict;
}

std::optional<GrantStatus> Judging::granted(const Candidate& candidate)
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

} // namespace

const Error* Verdict::refusal() const
{
	for (const auto& finding : findings) {
		if (!finding.lifted)
			return &finding.error;
	}
	return nullptr;
}

std::optional<AllowSet> Judgement::needed() const
{
	AllowSet allow;
	for (const auto& verdict : verdicts) {
		for (const auto& finding : verdict.findings) {
			if (finding.override_name)
				allow.add(AllowSet::parse(*finding.override_name));
			else if (!finding.lifted)
				return std::nullopt;
		}
	}
	return allow;
}

Judgement judge_all(Host& host, Domains& domains, const DomainSpec& domain,
	const std::vector<RegionSpec>& specs, const GrantOptions& options)
{
	Judgement judgement{resolve_grantee(host, domains, domain, options.wait.has_value()), {}};
	if (options.label && specs.size() > 1)
		throw Error(kind::usage, "a label names one grant", "give one REGION with --label");
	Judging judging(host, domains, judgement.domain, options);
	for (const auto& spec : specs)
		judgement.verdicts.push_back(judging.judge(spec));
	return judgement;
}

} // namespace iomemgrant
