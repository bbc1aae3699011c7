// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/grant_record.h"

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

void GrantRecord::granted(const Grant& grant)
{
	const auto& region = grant.region;
	auto made = entry(AuditEvent::granted);
	made.result = "granted";
	made.message = fmt::format("granted {}: {}/{}@{:#x}+{:#x} to {}", grant.id.str(),
		region.sbdf.str(), region.bar, region.offset, region.length,
		domain_ ? describe(*domain_) : spec_.text);
	made.region = region;
	made.grant = grant.id;
	made.overrides = used_;
	write(made);
	made_.push_back(grant.id);
}

void GrantRecord::labelled(const Grant& grant)
{
	auto made = entry(AuditEvent::labelled);
	made.result = "labelled";
	made.message = fmt::format("labelled {} of {} '{}'", grant.id.str(),
		domain_ ? describe(*domain_) : spec_.text, grant.label->str());
	made.region = grant.region;
	made.grant = grant.id;
	write(made);
}

void GrantRecord::refused(const Error& error)
{
	std::string regions;
	for (const auto& region : regions_)
		regions += (regions.empty() ? "" : " ") + region.str();
	auto made = entry(AuditEvent::refused);
	made.result = error.kind().slug;
	made.message = fmt::format("{} {} to {}: {}", made_.empty() ? "refused" : "took back",
		regions, domain_ ? describe(*domain_) : spec_.text, error.what());
	if (made_.size() == 1)
		made.grant = made_.front();
	if (regions_.size() == 1) {
		const auto& spec = regions_.front();
		made.region = Region{spec.sbdf, spec.bar, spec.offset, spec.length.value_or(0)};
	}
	write(made);
}

} // namespace iomemgrant
