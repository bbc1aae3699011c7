// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/granter.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/check/refusals.h"
#include "lib/grants/grant_record.h"
#include "lib/grants/pending_grants.h"
#include "lib/publication/publisher.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// The reason a grant was rolled back, and what that left behind, if anything.
Error taken_back(const Error& reason, const std::vector<std::string>& leftovers)
{
	if (leftovers.empty())
		return reason;
	return Error(reason.kind(),
		fmt::format("{}; {}", reason.what(), fmt::join(leftovers, "; ")),
		"xen-iomemgrant list shows what is left, xen-iomemgrant revoke takes it back")
		.after_change();
}

Publication publication_of(
	const Grant& grant, const DomainInfo& domain, const GrantOptions& options)
{
	Publication publication;
	publication.refs = {grant.refs};
	publication.nr_pages = grant.region.nr_pages();
	publication.cache = options.cache;
	publication.label = options.label;
	publication.uuid = domain.uuid;
	publication.region = grant.region;
	return publication;
}

// Another command has used the label since it was looked for, and may not have published it yet.
Error label_in_use(const std::vector<Grant>& known, const DomainInfo& domain, const Label& label)
{
	const auto other = std::find_if(known.begin(), known.end(), [&](const Grant& grant) {
		return grant.domid == domain.id && grant.label == label;
	});
	const auto message = fmt::format(
		"{} already has a grant labelled '{}'", short_name(domain), label.str());
	if (other == known.end())
		return {kind::label_in_use, message, "choose another label"};
	return {kind::label_in_use, fmt::format("{} ({})", message, other->id.str()),
		fmt::format("revoke {} or choose another label", other->id.str())};
}

// @paths are those of the grants of @pending, in their order.
void note_numbers(PendingGrants& pending, const std::vector<PublicationPath>& paths)
{
	for (std::size_t i = 0; i < paths.size(); i++)
		pending.is_at(pending.grants()[i].id, paths[i].id());
}

// One override that is named helps little when others are missing.
Error with_all_overrides(const Error& refusal, const Judgement& judgement)
{
	const auto needed = judgement.needed();
	if (!needed || needed->names().size() < 2)
		return refusal;
	return refusal.hinting(fmt::format("{}; all that would be needed: --allow={}",
		refusal.hint(), fmt::join(needed->names(), ",")));
}

} // namespace

GrantOutcome Granter::grant(const DomainSpec& domain_spec, const std::vector<RegionSpec>& specs,
	const GrantOptions& options)
{
	GrantRecord record(host_, domain_spec, specs, options);
	try {
		return attempt(domain_spec, specs, options, record);
	} catch (const Error& error) {
		record.refused(error);
		throw;
	}
}

GrantOutcome Granter::attempt(const DomainSpec& domain_spec, const std::vector<RegionSpec>& specs,
	const GrantOptions& options, GrantRecord& record)
{
	const auto judgement = judge_all(host_, domains_, domain_spec, specs, options);
	record.concerns(judgement.domain);
	const auto candidates = accepted(judgement, record);
	if (options.dry_run)
		return rehearsal(judgement, options, record);
	std::vector<GrantStatus> existing;
	for (const auto& verdict : judgement.verdicts) {
		if (verdict.granted)
			existing.push_back(*verdict.granted);
	}
	auto outcome = make(judgement.domain, candidates, existing, options, record);

	// In the order of the regions.
	auto made = std::move(outcome.grants);
	auto next_old = made.begin();
	auto next_new = next_old + static_cast<std::ptrdiff_t>(existing.size());
	outcome.grants.clear();
	for (const auto& verdict : judgement.verdicts)
		outcome.grants.push_back(std::move(verdict.granted ? *next_old++ : *next_new++));
	for (auto& status : outcome.grants)
		relabel(status, options, outcome, record);
	return outcome;
}

void Granter::restore_label(const Grant& grant)
{
	try {
		host_.device.set_label(grant.id, grant.label);
	} catch (const Error&) {
		// The grant may have ended.  If it has not, the module has the label that XenStore
		// refused, and the same command, repeated, settles it.
	}
}

// A grant that the domain had before gets the label that is asked for now.
void Granter::relabel(GrantStatus& status, const GrantOptions& options, GrantOutcome& outcome,
	GrantRecord& record)
{
	if (!options.label || status.label == options.label)
		return;
	const auto id = status.grant.id;
	host_.trace(fmt::format("labelling {} '{}'", id.str(), options.label->str()));
	if (!options.dry_run) {
		host_.device.set_label(id, options.label);
		try {
			set_label(host_.store, status.path(host_.self), *options.label);
		} catch (const Error& error) {
			restore_label(status.grant);
			throw Error(error);
		}
	}
	status.label = status.grant.label = options.label;
	record.labelled(status.grant);
	outcome.relabelled.push_back(id);
	outcome.changed = true;
}

/// Grants @candidates, and waits for them and for @existing.  The outcome has @existing first.
GrantOutcome Granter::make(const DomainInfo& domain, const std::vector<Candidate>& candidates,
	const std::vector<GrantStatus>& existing, const GrantOptions& options, GrantRecord& record)
{
	PendingGrants pending(host_);
	std::vector<std::pair<PublicationPath, Publication>> publications;
	if (!candidates.empty())
		host_.numbers.prepare();
	std::vector<Grant> grants;
	for (const auto& status : existing) {
		grants.push_back(status.grant);
		pending.is_at(status.grant.id, status.path(host_.self).id());
	}
	for (const auto& candidate : candidates) {
		host_.checkpoint();
		host_.trace(fmt::format("granting {} BAR{} {:#x}+{:#x} to {}",
			candidate.region.sbdf.str(), candidate.region.bar, candidate.region.offset,
			candidate.region.length, describe(domain)));
		try {
			auto allow = options.allow;
			allow.add(host_.policy().overrides(candidate.device));
			pending.add(host_.device.grant({domain.id, candidate.region, allow,
				host_.numbers.highest().value_or(GrantId(0)), options.cache,
				options.label}));
		} catch (const Error& error) {
			if (error.os_error() == EALREADY && options.label)
				throw label_in_use(host_.device.list(), domain, *options.label);
			throw explain_refusal(host_, domains_, error, candidate, domain);
		}
		const auto& made = pending.grants().back();
		record.granted(made);
		host_.numbers.use(made.id);
		grants.push_back(made);
		publications.emplace_back(
			pending.path(made), publication_of(made, domain, options));
	}
	// The domain may have gone, and its id with it, since it was looked up.
	const auto now = host_.hypervisor.domain(domain.id);
	if (!now || now->uuid != domain.uuid || now->dying)
		throw Error(kind::no_domain, fmt::format("domain {} is gone", describe(domain)));
	host_.checkpoint();

	GrantOutcome outcome;
	outcome.changed = !candidates.empty();
	for (const auto& status : existing)
		outcome.existing.push_back(status.grant.id);
	if (!publications.empty()) {
		host_.trace("publishing in XenStore");
		pending.published();
	}
	try {
		if (!publications.empty())
			note_numbers(pending, publish(host_.store, publications));
		if (options.wait) {
			const auto waited = await_mapped(domain, grants, pending, *options.wait);
			if (outcome.changed)
				outcome.mapped_after = waited;
		}
		outcome.grants = require_in_force(domain, grants);
		host_.checkpoint();
	} catch (const Error& error) {
		throw taken_back(error, pending.roll_back());
	}
	for (const auto& candidate : candidates) {
		if (options.cache == Cache::write_combining && !candidate.bar().prefetchable)
			outcome.warnings.push_back(fmt::format(
				"BAR{} is not prefetchable; write-combining may reorder or merge "
				"writes to registers",
				candidate.region.bar));
	}
	pending.keep();
	return outcome;
}

// Throws the first thing that speaks against a region.
std::vector<Candidate> Granter::accepted(const Judgement& judgement, GrantRecord& record)
{
	std::vector<Candidate> candidates;
	for (const auto& verdict : judgement.verdicts) {
		if (const auto* refusal = verdict.refusal())
			throw with_all_overrides(*refusal, judgement);
		if (verdict.granted)
			continue;
		for (const auto& finding : verdict.findings) {
			host_.trace(fmt::format("{} [{}]: overridden", finding.error.what(),
				finding.error.kind().slug));
			record.overridden(verdict.candidate->region, finding.error);
		}
		candidates.push_back(*verdict.candidate);
	}
	return candidates;
}

GrantOutcome Granter::rehearsal(
	const Judgement& judgement, const GrantOptions& options, GrantRecord& record)
{
	GrantOutcome outcome;
	outcome.changed = false;
	for (const auto& verdict : judgement.verdicts) {
		if (verdict.granted) {
			outcome.existing.push_back(verdict.granted->grant.id);
			outcome.grants.push_back(*verdict.granted);
			relabel(outcome.grants.back(), options, outcome, record);
			continue;
		}
		const auto& candidate = *verdict.candidate;
		GrantStatus status;
		status.grant.domid = judgement.domain.id;
		status.grant.uuid = judgement.domain.uuid;
		status.grant.region = candidate.region;
		status.grant.address = candidate.address();
		status.grant.device_id = candidate.device.id;
		status.device_present = true;
		status.in_kernel = true;
		status.published = true;
		status.domain = judgement.domain;
		status.domain_alive = true;
		status.cache = options.cache;
		status.label = options.label;
		outcome.grants.push_back(std::move(status));
		outcome.changed = true;
	}
	return outcome;
}

bool GrantOutcome::had(GrantId id) const
{
	return std::find(existing.begin(), existing.end(), id) != existing.end();
}

bool GrantOutcome::named(GrantId id) const
{
	return std::find(relabelled.begin(), relabelled.end(), id) != relabelled.end();
}

} // namespace iomemgrant
