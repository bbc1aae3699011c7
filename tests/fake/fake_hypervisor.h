// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef FAKE_HYPERVISOR_H
#define FAKE_HYPERVISOR_H

#include <vector>

#include <iomemgrant/hypervisor.h>

namespace iomemgrant
{

/// A Xen with the domains it is given.
class FakeHypervisor final : public Hypervisor
{
public:
	std::vector<DomainInfo> list;

	XenInfo info() override { return {.version = "4.17.5", .iommu = false}; }

	std::optional<DomainInfo> domain(Domid id) override
	{
		for (const auto& domain : list) {
			if (domain.id == id)
				return domain;
		}
		return std::nullopt;
	}

	std::vector<DomainInfo> domains() override { return list; }
	GrantTableSize grant_table(Domid) override { return {11, 64}; }
};

} // namespace iomemgrant

#endif
