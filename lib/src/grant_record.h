// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_RECORD_H
#define IOMEMGRANT_GRANT_RECORD_H

#include <optional>
#include <vector>

#include <iomemgrant/granter.h>

namespace iomemgrant
{

/// What one call of Granter::grant() leaves in the audit trail: an entry for each grant, at once, so
/// that it is there whatever becomes of the command; one for the refusal, or for taking back what
/// had been granted; and one for each refusal that --allow lifted.  A rehearsal leaves none.
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
