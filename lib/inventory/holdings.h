// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_HOLDINGS_H
#define IOMEMGRANT_HOLDINGS_H

#include <map>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/domains.h"

namespace iomemgrant
{

/// Pages that a domain has by `iomem=` of its configuration.
struct ConfiguredPages {
	DomainInfo domain;
	MachineRange range;
};

/// The parts of devices that the toolstack has given to domains by itself, without a grant.
struct Holdings {
	std::vector<ConfiguredPages> pages;
	/// Devices that domains have as a whole (`pci=`).
	std::map<Sbdf, DomainInfo> devices;
};

/// Looks at XenStore and at libxl's copies of the domains' configurations.
Holdings read_holdings(Host& host, Domains& domains);

} // namespace iomemgrant

#endif
