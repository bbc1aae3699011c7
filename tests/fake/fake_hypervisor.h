// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef FAKE_HYPERVISOR_H
#define FAKE_HYPERVISOR_H

#include <map>
#include <vector>

#include "lib/host/hypervisor.h"

namespace iomemgrant
{

/// A Xen with the domains it is given.
class FakeHypervisor final : public Hypervisor
{
public:
	std::vector<DomainInfo> list;

	XenInfo facts{.version = "4.17.5", .iommu = false, .command_line = ""};
	GrantTableSize table{11, 64};
	std::optional<MaptrackLimit> maptrack =
		MaptrackLimit{1024, MaptrackLimit::Source::xen_default};
	std::uint64_t pod_pages = 0;
	/// What domains have by `iomem=`.
	std::map<Domid, std::vector<MachineRange>> iomem;

	XenInfo info() override { return facts; }

	std::optional<DomainInfo> domain(Domid id) override
	{
		for (const auto& domain : list) {
			if (domain.id == id)
				return domain;
		}
		return std::nullopt;
	}

	std::vector<DomainInfo> domains() override { return list; }
	GrantTableSize grant_table(Domid) override { return table; }
	std::optional<MaptrackLimit> maptrack_limit(const DomainInfo&) override { return maptrack; }
	std::vector<MachineRange> configured_iomem(const DomainInfo& domain) override
	{
		return iomem[domain.id];
	}
	std::uint64_t populate_on_demand(Domid) override { return pod_pages; }
};

} // namespace iomemgrant

#endif
