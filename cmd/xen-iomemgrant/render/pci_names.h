// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_PCI_NAMES_H
#define XEN_IOMEMGRANT_PCI_NAMES_H

#include <optional>
#include <string>

#include "lib/values/grant.h"

namespace iomemgrant
{

/// "Intel Corporation Ethernet Controller X710", from pci.ids.  Absent when it is not known there
/// or this program was built without libpci.
std::optional<std::string> pci_name(const DeviceId& id);

} // namespace iomemgrant

#endif
