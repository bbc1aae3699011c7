// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_HYPERVISOR_H
#define IOMEMGRANT_HYPERVISOR_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <iomemgrant/domid.h>

namespace iomemgrant
{

/// Facts about Xen itself.
struct XenInfo {
	std::string version; ///< "4.17.5"
	bool iommu = false;
};

/// Pages of a domain's grant table: in use and allowed.
struct GrantTableSize {
	std::uint32_t nr_frames = 0;
	std::uint32_t max_frames = 0;
};

/// What Xen knows of its domains.
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
};

} // namespace iomemgrant

#endif
