// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_GRANTABLE_H
#define XEN_IOMEMGRANT_GRANTABLE_H

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <iomemgrant/grant.h>
#include <iomemgrant/policy.h>
#include <iomemgrant/safety.h>
#include <output/output.h>

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

/// What of one BAR can be granted, and why not the rest.
struct Grantable {
	/// Pages against which nothing speaks but what `needs` lifts.
	std::vector<PageRun> pages;
	/// Classes that --allow must name for any page of this BAR.
	std::vector<std::string> needs;
	std::vector<Hazard> hazards;
	std::vector<Grant> grants;

	/// Classes that this machine's policy has overridden, and that would be in `needs`.
	std::vector<std::string> policy_allows;

	/// @grants: all there are.
	static Grantable of(const PciDevices& devices, const PciBar& bar, Sbdf sbdf,
		const std::vector<Grant>& grants, const Policy& policy);

	/// "yes", "needs --allow=driver-bound", "pages 0-6; page 7 holds the MSI-X table (...)"
	std::string describe(std::uint64_t nr_pages) const;
	Json json() const;
};

} // namespace iomemgrant

#endif
