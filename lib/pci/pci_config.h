// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PCI_CONFIG_H
#define IOMEMGRANT_PCI_CONFIG_H

#include <string_view>

#include "lib/pci/pci_device.h"

namespace iomemgrant
{

/// Fills in what a device's configuration space says; @config is as much of it as could be read.
/// The device's resources, and whether it is a virtual function, are known.  Any content is
/// survived: a broken device may answer anything.
void read_config(std::string_view config, PciDevice& device);

/// Whether a physical function, of which @config is the configuration space, decodes memory for
/// its virtual ones.  True where that cannot be seen.
bool functions_decode(std::string_view config);

} // namespace iomemgrant

#endif
