// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_GRANTABLE_H
#define XEN_IOMEMGRANT_GRANTABLE_H

#include <optional>
#include <string>
#include <vector>

#include "cmd/cli/output.h"
#include "lib/check/region_check.h"
#include "lib/policy/policy.h"
#include "lib/values/grant.h"

namespace iomemgrant
{

/// Consecutive pages of a BAR.
struct PageRun {
	std::uint64_t first = 0;
	std::uint64_t count = 0;

	/// "page 7", "pages 0-6"
	std::string str() const;
	/// "7", "0-6"
	std::string numbers() const;

	friend bool operator==(const PageRun&, const PageRun&) = default;
};

/// A machine as it is known besides its devices.
struct Surroundings {
	/// Without a domain: empty where Xen or the module do not tell.
	Situation situation;
	/// The largest new region.
	std::optional<std::uint64_t> max_pages;
};

/// The parts of one BAR that can be granted, and why the rest cannot, judged as `check` does.
struct Grantable {
	/// Pages against which nothing speaks but what `needs` lifts.
	std::vector<PageRun> pages;
	/// Classes that --allow must name for any page of this BAR.
	AllowSet needs;
	std::vector<Finding> findings;
	struct Granted {
		GrantId id{0};
		PageRun run;
	};
	std::vector<Granted> grants;

	/// Classes that this machine's policy has overridden, and that would be in `needs`.
	AllowSet policy_allows;

	/// Pages that fit into one grant, if fewer than the largest run of `pages`.
	std::optional<std::uint64_t> at_most;

	static Grantable of(const PciDevices& devices, const PciBar& bar, Sbdf sbdf,
		const Surroundings& surroundings, const Policy& policy);

	/// "yes", "needs --allow=driver-bound", "pages 0-6; page 7 holds the MSI-X table (...)"
	std::string describe(std::uint64_t nr_pages) const;
	Json json() const;

private:
	std::vector<std::string> page_notes() const;
	std::string overrides_of(const PageRun& run) const;
};

} // namespace iomemgrant

#endif
