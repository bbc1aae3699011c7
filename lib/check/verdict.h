// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_VERDICT_H
#define IOMEMGRANT_VERDICT_H

#include <optional>
#include <vector>

#include "lib/check/preflight.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/grant_options.h"

namespace iomemgrant
{

/// All that speaks against one region.
struct Verdict {
	RegionSpec spec;
	/// Absent when there is no such region.
	std::optional<Candidate> candidate;
	/// In the order in which `grant` would refuse.
	std::vector<Finding> findings;
	/// The domain has exactly this region already: nothing is left to do for it, and nothing
	/// speaks against that.
	std::optional<GrantStatus> granted;

	/// The first finding the user has not overridden.
	const Error* refusal() const;
};

/// The outcome of a grant of the regions of @verdicts to @domain.  `grant` acts on it and `check`
/// prints it, so that the two cannot differ.
struct Judgement {
	DomainInfo domain;
	std::vector<Verdict> verdicts;

	/// The classes that --allow has to name for all of it to be granted, those included that
	/// the user has named.  Absent when no override helps.
	std::optional<AllowSet> needed() const;
};

/// Changes nothing.  Throws Error as resolve_grantee() does, and usage.
Judgement judge_all(Host& host, Domains& domains, const DomainSpec& domain,
	const std::vector<RegionSpec>& specs, const GrantOptions& options);

} // namespace iomemgrant

#endif
