// SPDX-License-Identifier: LGPL-2.1-or-later
#include "grant_record.h"

#include <fmt/format.h>

namespace iomemgrant
{

GrantRecord::GrantRecord(Host& host, const DomainSpec& domain,
	const std::vector<RegionSpec>& regions, const GrantOptions& options)
	: host_(host), spec_(domain), regions_(regions), rehearsal_(options.dry_run)
{
}

AuditEntry GrantRecord::entry(AuditEvent event) const
{
	AuditEntry entry;
	entry.event = event;
	entry.domain = domain_;
	return entry;
}

void GrantRecord::write(const AuditEntry& entry)
{
	if (!rehearsal_)
		host_.audit(entry);
}

void GrantRecord::overridden(const Region& region, const Error& refusal)
{
	const auto allow = AllowSet::parse(refusal.kind().slug);
	used_.add(allow);
	auto made = entry(AuditEvent::overridden);
	made.result = "overridden";
	made.message = fmt::format("{} is overridden: {}", refusal.kind().slug, refusal.what());
	made.region = region;
	made.overrides = allow;
	write(made);
}

void GrantRecord::granted(const GrantOutcome& outcome)
{
	for (const auto& status : outcome.grants) {
		if (outcome.had(status.grant.id))
			continue;
		const auto& region = status.grant.region;
		auto made = entry(AuditEvent::granted);
		made.result = "granted";
		made.message = fmt::format("granted {}: {}/{}@{:#x}+{:#x} to {}",
			status.grant.id.str(), region.sbdf.str(), region.bar, region.offset,
			region.length, describe(status.domain));
		made.domain = status.domain;
		made.region = region;
		made.grant = status.grant.id;
		made.overrides = used_;
		write(made);
	}
}

void GrantRecord::refused(const Error& error)
{
	std::string regions;
	for (const auto& region : regions_)
		regions += (regions.empty() ? "" : " ") + region.str();
	auto made = entry(AuditEvent::refused);
	made.result = error.kind().slug;
	made.message = fmt::format("refused {} to {}: {}", regions,
		domain_ ? describe(*domain_) : spec_.text, error.what());
	if (regions_.size() == 1) {
		const auto& spec = regions_.front();
		made.region = Region{spec.sbdf, spec.bar, spec.offset, spec.length.value_or(0)};
	}
	write(made);
}

} // namespace iomemgrant
