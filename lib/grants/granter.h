// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANTER_H
#define IOMEMGRANT_GRANTER_H

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lib/check/grant_check.h"
#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/region.h"

namespace iomemgrant
{

class GrantRecord;
class PendingGrants;

struct GrantOutcome {
	/// One per region, in their order.  With dry_run the ids are not real.
	std::vector<GrantStatus> grants;
	/// Those of them that the domain had before.
	std::vector<GrantId> existing;
	/// Those of the existing ones that got another label.
	std::vector<GrantId> relabelled;
	/// False: it had all of them.
	bool changed = true;

	bool had(GrantId id) const;
	bool named(GrantId id) const;
	/// How long the guest took; absent when it was not waited for.
	std::optional<std::chrono::milliseconds> mapped_after;
	std::vector<std::string> warnings;
};

/// Gives regions of BARs to a domain.  Needs no lock: the module and XenStore's transactions decide
/// between several who do.
class Granter
{
public:
	explicit Granter(Host& host) : host_(host), domains_(host) {}

	/// Grants those of @specs that the domain does not have, or none, and gives the one it has
	/// the label of @options: kernel grants, publication in one transaction, and, unless told
	/// not to, waiting until the guest has mapped all of
	/// @specs.  Blocks at most options.wait.  Throws Error; then nothing new is granted or
	/// published, except where the message says that a guest still maps pages, which the kernel
	/// frees as soon as the guest lets go.
	GrantOutcome grant(const DomainSpec& domain, const std::vector<RegionSpec>& specs,
		const GrantOptions& options);

private:
	GrantOutcome attempt(const DomainSpec& domain, const std::vector<RegionSpec>& specs,
		const GrantOptions& options, GrantRecord& record);
	void accept(const GrantCheck& check, GrantRecord& record);
	void relabel(GrantStatus& status, const GrantOptions& options, GrantOutcome& outcome,
		GrantRecord& record);
	void restore_label(const Grant& grant);
	GrantOutcome rehearsal(const GrantCheck& check, const GrantOptions& options);
	Grant make_one(
		const DomainInfo& domain, const Candidate& candidate, const GrantOptions& options);
	GrantOutcome make(
		const GrantCheck& check, const GrantOptions& options, GrantRecord& record);
	std::vector<GrantStatus> require_in_force(
		const DomainInfo& domain, const std::vector<Grant>& grants);
	std::chrono::milliseconds await_mapped(const DomainInfo& domain,
		const std::vector<Grant>& grants, const PendingGrants& pending,
		std::chrono::milliseconds limit);
	bool says_mapped(
		const DomainInfo& domain, const Grant& grant, const PendingGrants& pending);

	Host& host_;
	Domains domains_;
};

} // namespace iomemgrant

#endif
