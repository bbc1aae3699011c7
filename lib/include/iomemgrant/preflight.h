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
	/// References asked for by the other regions of the same command.
	std::uint64_t other_refs = 0;
};
Situation survey(Host& host);

/// Everything that speaks against granting @candidate to @domain, the gravest first.  The kernel
/// module judges again; this exists to give reasons, and to give all of them.
std::vector<Finding> judge(Host& host, const Situation& situation, Domains& domains,
	const Candidate& candidate, const DomainInfo& domain, const AllowSet& allow);

/// References that fit in one page of the grant table.
std::uint32_t refs_per_frame(std::uint32_t gnttab_version);
/// References of dom0 left for its ordinary drivers.
inline constexpr std::uint32_t reserved_refs = 1024;

/// What an errno of the module's GRANT call means for this request.  Only the kernel's word
/// counts; this makes a sentence of it.
Error explain_refusal(Host& host, Domains& domains, const Error& error,
	const Candidate& candidate, const DomainInfo& domain);

} // namespace iomemgrant

#endif
