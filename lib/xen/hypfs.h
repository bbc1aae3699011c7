// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_XEN_HYPFS_H
#define IOMEMGRANT_XEN_HYPFS_H

#include <cstdint>
#include <optional>

#include "lib/xen/logger.h"

namespace iomemgrant
{

/// A number among Xen's boot parameters, as it is now.  Absent when this Xen does not show them.
std::optional<std::uint32_t> read_parameter(Logger& logger, const char* name);

} // namespace iomemgrant

#endif
