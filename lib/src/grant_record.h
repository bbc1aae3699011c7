// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_RECORD_H
#define IOMEMGRANT_GRANT_RECORD_H

#include <optional>
#include <vector>

#include <iomemgrant/granter.h>

namespace iomemgrant
{

/// What one call of Granter::grant() leaves in the audit trail: an entry for each grant or one for
/// the refusal, and one for each refusal that --allow lifted.  A rehearsal leaves none.
class GrantRecord
{
public:
	GrantRecord(Host& host, const DomainSpec& domain, const std::vector<RegionSpec>& regions,
		const GrantOptions& options);

	/// The domain is found.
	void concerns(const DomainInfo& domain) { domain_ = domain; }
	void overridden(const Region& region, const Error& refusal);
	void granted(const GrantOutcome& outcome);
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
};

} // namespace iomemgrant

#endif
