// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_HYPERVISOR_H
#define IOMEMGRANT_HYPERVISOR_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/values/domid.h"

namespace iomemgrant
{

/// Facts about Xen itself.
struct XenInfo {
	std::string version; ///< "4.17.5"
	bool iommu = false;
	std::string command_line;
};

/// Pages of a domain's grant table: in use and allowed.
struct GrantTableSize {
	std::uint32_t nr_frames = 0;
	std::uint32_t max_frames = 0;
};

/// How much a domain may map of what others grant to it: pages of its maptrack, each good for
/// refs_per_maptrack_frame mappings.
struct MaptrackLimit {
	enum class Source {
		domain_config, ///< max_maptrack_frames of this domain
		xen_default,   ///< what Xen gives a domain that does not say
	};

	std::uint32_t max_frames = 0;
	Source source = Source::xen_default;
};
inline constexpr std::uint32_t refs_per_maptrack_frame = 256;

/// Machine addresses, from whole page to whole page.
struct MachineRange {
	std::uint64_t first = 0;
	std::uint64_t end = 0;

	friend bool operator==(const MachineRange&, const MachineRange&) = default;
};

/// Xen, asked for itself and for its domains.
class Hypervisor
{
public:
	virtual ~Hypervisor() = default;

	virtual XenInfo info() = 0;
	/// The domain with exactly this id; its name is left empty.
	virtual std::optional<DomainInfo> domain(Domid id) = 0;
	/// All domains, in order of id; names are left empty.
	virtual std::vector<DomainInfo> domains() = 0;
	virtual GrantTableSize grant_table(Domid id) = 0;
	/// Xen itself does not tell this of a running domain: it comes from what libxl keeps of the
	/// domain's configuration, or else from the parameter Xen gives new domains.  Absent when
	/// neither is to be had.
	virtual std::optional<MaptrackLimit> maptrack_limit(const DomainInfo& domain) = 0;
	/// Device memory that `iomem=` of the domain's configuration gives it for as long as it
	/// lives.  Xen does not tell this either: it comes from libxl's copy of the configuration,
	/// and is empty for domains of another toolstack.
	virtual std::vector<MachineRange> configured_iomem(const DomainInfo& domain) = 0;
	/// Pages the domain believes to have and that have no memory yet.
	virtual std::uint64_t populate_on_demand(Domid id) = 0;
};

} // namespace iomemgrant

#endif
