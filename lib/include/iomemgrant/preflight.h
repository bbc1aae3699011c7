// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PREFLIGHT_H
#define IOMEMGRANT_PREFLIGHT_H

#include <optional>
#include <string>
#include <vector>

#include <iomemgrant/domains.h>
#include <iomemgrant/error.h>
#include <iomemgrant/host.h>
#include <iomemgrant/region.h>

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

/// What speaks against a grant.
struct Finding {
	Error error;
	/// The user named the override.
	bool lifted = false;
};

/// Finds the region.  Throws Error no-device, no-bar, bar-io, bar-upper-half, bar-unassigned or
/// range-past-end.
Candidate locate(const PciDevices& pci, const RegionSpec& spec);

/// What has to be known to judge several candidates; read once.
struct Situation {
	ModuleInfo module;
	std::vector<Grant> grants;
	GrantTableSize grant_table;
	/// Of the domain that is to be granted something, if known.
	std::optional<MaptrackLimit> maptrack;
	/// References asked for by the other regions of the same command.
	std::uint64_t other_refs = 0;
};
Situation survey(Host& host, const DomainInfo& domain);

/// Everything that speaks against granting @candidate to @domain, the gravest first.  The kernel
/// module judges again; this exists to give reasons, and to give all of them.  @allow is what the
/// user has named; what this machine's policy overrides comes on top.
std::vector<Finding> judge(Host& host, const Situation& situation, Domains& domains,
	const Candidate& candidate, const DomainInfo& domain, const AllowSet& allow);

/// What an errno of the module's GRANT call means for this request.  Only the kernel's word
/// counts; this makes a sentence of it.
Error explain_refusal(Host& host, Domains& domains, const Error& error,
	const Candidate& candidate, const DomainInfo& domain);

} // namespace iomemgrant

#endif
