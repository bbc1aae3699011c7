// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_RECORD_H
#define IOMEMGRANT_GRANT_RECORD_H

#include <optional>
#include <vector>

#include "lib/grants/granter.h"

namespace iomemgrant
{

/// Writes the entries of one call of Granter::grant() to the audit trail: one for each grant, as
/// soon as it is made, so that a killed command leaves it as well; one for each grant that got a
/// label; one for the refusal, or for the rollback; and one for each refusal that --allow lifted.
/// A dry run writes none.
class GrantRecord
{
public:
	GrantRecord(Host& host, const DomainSpec& domain, const std::vector<RegionSpec>& regions,
		const GrantOptions& options);

	/// The domain is found.
	void concerns(const DomainInfo& domain) { domain_ = domain; }
	void overridden(const Region& region, const Error& refusal);
	/// The kernel has made it; the guest may map it from now on.
	void granted(const Grant& grant);
	/// The grant was there, and has its label from this command.
	void labelled(const Grant& grant);
	void refused(const Error& error);

private:
	AuditEntry entry(AuditEvent event) const;
	void write(const AuditEntry& entry);

	Host& host_;
	const DomainSpec& spec_;
	const std::vector<RegionSpec>& regions_;
	bool rehearsal_;
	std::optional<DomainInfo> domain_;
	AllowSet used_;
	std::vector<GrantId> made_;
};

} // namespace iomemgrant

#endif
