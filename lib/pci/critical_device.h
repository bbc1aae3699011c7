// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_CRITICAL_DEVICE_H
#define IOMEMGRANT_CRITICAL_DEVICE_H

#include <string_view>

#include "lib/pci/pci_device.h"

namespace iomemgrant
{

/// The part of the host that the device is, as in "0000:00:1f.5 is ..."; empty when the host would
/// lose no more than the device.  The rule is in xen-iomemgrant(8), SAFETY CHECKS.
std::string_view host_role(const PciDevice& device);

} // namespace iomemgrant

#endif
