// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_DOCTOR_GRANTS_H
#define XEN_IOMEMGRANT_DOCTOR_GRANTS_H

#include <string>

#include "cmd/xen-iomemgrant/machine/machine.h"

namespace iomemgrant
{

/// The layer of `doctor` about devices of which pages are granted.  Returns how many grants there
/// are.  Throws Error with the devices that are not as they were when their grants were made.
std::string probe_grants(Machine& machine);

} // namespace iomemgrant

#endif
