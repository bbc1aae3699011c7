// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_CHECK_H
#define IOMEMGRANT_GRANT_CHECK_H

#include <optional>
#include <vector>

#include "lib/check/region_check.h"
#include "lib/host/host.h"
#include "lib/values/grant_options.h"

namespace iomemgrant
{

/// The check of one request: regions for a domain.  `grant` acts on it and `check` prints it, so
/// that the two cannot differ.
class GrantCheck
{
public:
	/// Changes nothing.  Borrows all arguments.  Throws Error as resolve_grantee() does, and
	/// usage.
	GrantCheck(Host& host, Domains& domains, const DomainSpec& domain,
		const std::vector<RegionSpec>& specs, const GrantOptions& options);
	GrantCheck(const GrantCheck&) = delete;
	GrantCheck& operator=(const GrantCheck&) = delete;

	const DomainInfo& domain() const { return domain_; }
	/// In the order of the arguments.
	const std::vector<RegionCheck>& regions() const { return regions_; }
	/// The classes that --allow has to name for all of it to be granted, those included that
	/// the user has named.  Absent when no override helps.
	std::optional<AllowSet> needed() const;

private:
	std::optional<Error> lacking_support();
	std::optional<Error> label_taken() const;
	std::optional<GrantStatus> granted(const Candidate& candidate);
	RegionCheck check(const RegionSpec& spec);
	void check_grants(RegionCheck& check);
	void check_limits(RegionCheck& check) const;
	void check_repeated(RegionCheck& check) const;
	std::uint64_t mapped_at_once(std::uint64_t refs) const;

	Host& host_;
	Domains& domains_;
	const GrantOptions& options_;
	DomainInfo domain_;
	Situation situation_;
	std::optional<Error> support_;
	std::optional<Error> taken_;
	/// References that the regions checked so far ask for.
	std::uint64_t other_refs_ = 0;
	std::vector<RegionCheck> regions_;
};

} // namespace iomemgrant

#endif
