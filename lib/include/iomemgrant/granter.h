// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANTER_H
#define IOMEMGRANT_GRANTER_H

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <iomemgrant/grant_status.h>
#include <iomemgrant/host.h>
#include <iomemgrant/preflight.h>
#include <iomemgrant/region.h>

namespace iomemgrant
{

inline constexpr std::chrono::milliseconds default_wait{10000};

struct GrantOptions {
	AllowSet allow;
	Cache cache = Cache::uncached;
	std::optional<Label> label;
	/// How long the guest may take to map; absent: do not wait.
	std::optional<std::chrono::milliseconds> wait = default_wait;
	bool dry_run = false;
};

struct GrantOutcome {
	/// One per region, in their order.  With dry_run the ids are not real.
	std::vector<GrantStatus> grants;
	/// False: exactly these regions were granted to this domain already.
	bool changed = true;
	/// How long the guest took; absent when it was not waited for.
	std::optional<std::chrono::milliseconds> mapped_after;
	std::vector<std::string> warnings;
};

/// All that speaks against one region, for `check`.
struct Verdict {
	RegionSpec spec;
	std::optional<Candidate> candidate;
	std::vector<Finding> findings;
};

/// Gives regions of BARs to a domain.  Needs no lock: the module and XenStore's transactions decide
/// between several who do.
class Granter
{
public:
	explicit Granter(Host& host) : host_(host), domains_(host) {}

	/// Grants all of @specs or none: kernel grants, publication in one transaction, and, unless
	/// told not to, waiting for the guest.  Blocks at most options.wait.  Throws Error; then
	/// nothing is granted or published, except where the message says that a guest still maps
	/// pages, which the kernel frees as soon as the guest lets go.
	GrantOutcome grant(const DomainSpec& domain, const std::vector<RegionSpec>& specs,
		const GrantOptions& options);

	/// What grant() would find, all of it, changing nothing.  Throws Error for the domain.
	std::vector<Verdict> check(const DomainSpec& domain, const std::vector<RegionSpec>& specs,
		const AllowSet& allow);

	/// Throws Error self-grant, domain-dying or domain-paused, as grant() does.
	DomainInfo resolve(const DomainSpec& domain);

private:
	class Pending;

	std::optional<GrantOutcome> already_granted(const DomainInfo& domain,
		const std::vector<Candidate>& candidates, const GrantOptions& options,
		const std::vector<Grant>& grants);
	void require_support(const ModuleInfo& module);
	void refuse(const DomainInfo& domain, const std::vector<Candidate>& candidates,
		const GrantOptions& options, Situation situation);
	void require_free_label(const DomainInfo& domain, const std::optional<Label>& label,
		const std::vector<Grant>& grants);
	GrantOutcome rehearsal(const DomainInfo& domain, const std::vector<Candidate>& candidates,
		const GrantOptions& options);
	std::vector<GrantStatus> inspect_all(const Pending& pending);
	std::chrono::milliseconds await_mapped(const DomainInfo& domain, const Pending& pending,
		std::chrono::milliseconds limit);
	void require_progress(const DomainInfo& domain, const PublicationPath& path,
		const GuestReply& reply);

	Host& host_;
	Domains domains_;
};

} // namespace iomemgrant

#endif
