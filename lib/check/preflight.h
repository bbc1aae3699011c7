// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PREFLIGHT_H
#define IOMEMGRANT_PREFLIGHT_H

#include <optional>
#include <string>
#include <vector>

#include "lib/check/safety.h"
#include "lib/host/host.h"
#include "lib/inventory/domains.h"
#include "lib/inventory/holdings.h"
#include "lib/values/error.h"
#include "lib/values/grant_options.h"
#include "lib/values/region.h"

namespace iomemgrant
{

/// A region of a device that was found, with the device as it was then.
struct Candidate {
	PciDevice device;
	Region region;

	const PciBar& bar() const { return device.bar(region.bar); }
	/// Machine address of the first byte.
	std::uint64_t address() const { return bar().first_page() + region.offset; }
	/// Machine address of a grant that meets this one.
	std::uint64_t address_of(const Grant& grant) const;
	/// Whether a page of @grant is one of these.
	bool meets(const Grant& grant) const;
};

/// One reason against a grant.
struct Finding {
	Error error;
	/// Its override was named, by the user or by this machine's policy.
	bool lifted = false;
	/// The override that the user has to name, or has named; absent when none helps, or none
	/// needs naming.
	std::optional<std::string> override_name;
};

/// Finds the region.  Throws Error no-device, no-bar, bar-io, bar-upper-half, bar-unassigned or
/// range-past-end.
Candidate locate(const PciDevices& pci, const RegionSpec& spec);

/// The facts that the check of several candidates needs; read once.
struct Situation {
	ModuleInfo module;
	std::vector<Grant> grants;
	GrantTableSize grant_table;
	/// Of the domain that is to be granted something, if known.
	std::optional<MaptrackLimit> maptrack;
	Holdings holdings;
	/// References asked for by the other regions of the same command.
	std::uint64_t other_refs = 0;
};
Situation survey(Host& host, Domains& domains, const DomainInfo& domain);

/// The reasons against granting @region to any domain, or to @grantee if given: policy, the device
/// and its pages, and the domains that have them without a grant.  Grants of the same pages, and
/// limits of size and number, are left out.  @situation may be empty where Xen does not answer.
std::vector<Hazard> obstacles(const PciDevices& pci, const Policy& policy,
	const Situation& situation, const Region& region, const DomainInfo* grantee = nullptr);

/// Everything that speaks against granting @candidate to @domain, the gravest first.  The kernel
/// module judges again; this exists to give reasons, and to give all of them.  The user has named
/// options.allow; the overrides of this machine's policy come on top.
std::vector<Finding> judge(Host& host, const Situation& situation, Domains& domains,
	const Candidate& candidate, const DomainInfo& domain, const GrantOptions& options);

/// Makes a sentence of an errno that the module's GRANT call returned for this request.
Error explain_refusal(Host& host, Domains& domains, const Error& error, const Candidate& candidate,
	const DomainInfo& domain);

} // namespace iomemgrant

#endif
