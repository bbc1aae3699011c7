// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_CONFIG_MIRROR_H
#define IOMEMGRANT_CONFIG_MIRROR_H

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/pci/pci_device.h"

namespace iomemgrant
{

/// Registers of a BAR through which the device's configuration space is read and written.
struct ConfigMirror {
	std::string_view family;
	unsigned bar = 0;
	std::uint64_t offset = 0;
	std::uint64_t length = 0;
};

/// Those of the families that are known to have some; other devices may have them, too.
std::vector<ConfigMirror> config_mirrors(const PciDevice& device);

} // namespace iomemgrant

#endif
