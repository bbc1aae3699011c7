// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_LIBXL_CONFIG_H
#define IOMEMGRANT_LIBXL_CONFIG_H

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "lib/host/hypervisor.h"

namespace iomemgrant
{

/// max_maptrack_frames as the domain's configuration has it, from the file in which libxl keeps
/// that while the domain lives.  Absent when it does not say, or there is no such file.
std::optional<std::uint32_t> configured_maptrack_frames(
	const DomainInfo& domain, const std::filesystem::path& root = "/var/lib/xen");

/// The machine addresses that `iomem=` of the domain's configuration gives it, from the same file.
std::vector<MachineRange> configured_iomem(
	const DomainInfo& domain, const std::filesystem::path& root = "/var/lib/xen");

} // namespace iomemgrant

#endif
