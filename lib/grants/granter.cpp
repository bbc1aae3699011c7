// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/granter.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/check/explain.h"
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

// @paths are those of the grants of @pending, in their order.
void note_numbers(PendingGrants& pending, const std::vector<PublicationPath>& paths)
{
	for (std::size_t i = 0; i < paths.size(); i++)
		pending.is_at(pending.grants()[i].id, paths[i].id());
}

// One override that is named helps little when others are missing.
Error with_all_overrides(const Error& refusal, const GrantCheck& check)
{
	const auto needed = check.needed();
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
	const GrantCheck check(host_, domains_, domain_spec, specs, options);
	record.concerns(check.domain());
	accept(check, record);
	auto outcome = options.dry_run ? rehearsal(check, options) : make(check, options, record);
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

Grant Granter::make_one(
	const DomainInfo& domain, const Candidate& candidate, const GrantOptions& options)
{
	const auto& region = candidate.region;
	host_.checkpoint();
	host_.trace(fmt::format("granting {} BAR{} {:#x}+{:#x} to {}", region.sbdf.str(),
		region.bar, region.offset, region.length, describe(domain)));
	auto allow = options.allow;
	allow.add(host_.policy().overrides(candidate.device));
	try {
		return host_.device.grant(
			{domain.id, region, allow, host_.numbers.highest().value_or(GrantId(0)),
				options.cache, options.label});
	} catch (const GrantRefused& refused) {
		throw explain(refused, {host_, domains_, candidate, domain, options.label});
	}
}

// Grants the regions of @check that the domain does not have, and waits for all of them.
GrantOutcome Granter::make(
	const GrantCheck& check, const GrantOptions& options, GrantRecord& record)
{
	const auto& domain = check.domain();
	GrantOutcome outcome;
	outcome.changed = false;
	PendingGrants pending(host_);
	std::vector<std::pair<PublicationPath, Publication>> publications;
	std::vector<Grant> grants;
	for (const auto& region : check.regions()) {
		if (region.granted) {
			const auto& grant = grants.emplace_back(region.granted->grant);
			pending.is_at(grant.id, region.granted->path(host_.self).id());
			outcome.existing.push_back(grant.id);
			continue;
		}
		if (!outcome.changed)
			host_.numbers.prepare();
		outcome.changed = true;
		pending.add(make_one(domain, *region.candidate, options));
		const auto& made = grants.emplace_back(pending.grants().back());
		record.granted(made);
		host_.numbers.use(made.id);
		publications.emplace_back(
			pending.path(made), publication_of(made, domain, options));
	}
	// The domain may have gone, and its id with it, since it was looked up.
	if (!is_still(host_, domain))
		throw Error(kind::no_domain, fmt::format("domain {} is gone", describe(domain)));
	host_.checkpoint();

	if (outcome.changed) {
		host_.trace("publishing in XenStore");
		pending.published();
	}
	try {
		if (outcome.changed)
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
	for (const auto& region : check.regions()) {
		if (region.granted || options.cache != Cache::write_combining ||
			region.candidate->bar().prefetchable)
			continue;
		outcome.warnings.push_back(fmt::format(
			"BAR{} is not prefetchable; write-combining may reorder or merge writes to "
			"registers",
			region.spec.bar));
	}
	pending.keep();
	return outcome;
}

// Throws the first reason against a region, and records what was overridden.
void Granter::accept(const GrantCheck& check, GrantRecord& record)
{
	for (const auto& region : check.regions()) {
		if (const auto* refusal = region.refusal())
			throw with_all_overrides(*refusal, check);
		for (const auto& finding : region.findings) {
			host_.trace(fmt::format("{} [{}]: overridden", finding.error.what(),
				finding.error.kind().slug));
			record.overridden(region.candidate->region, finding.error);
		}
	}
}

GrantOutcome Granter::rehearsal(const GrantCheck& check, const GrantOptions& options)
{
	GrantOutcome outcome;
	outcome.changed = false;
	for (const auto& region : check.regions()) {
		if (region.granted) {
			outcome.existing.push_back(region.granted->grant.id);
			outcome.grants.push_back(*region.granted);
			continue;
		}
		const auto& candidate = *region.candidate;
		GrantStatus status;
		status.grant.domid = check.domain().id;
		status.grant.uuid = check.domain().uuid;
		status.grant.region = candidate.region;
		status.grant.address = candidate.address();
		status.grant.device_id = candidate.device.id;
		status.device_present = true;
		status.in_kernel = true;
		status.published = true;
		status.domain = check.domain();
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
