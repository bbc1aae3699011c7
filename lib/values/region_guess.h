// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef REGION_GUESS_H
#define REGION_GUESS_H

#include <optional>
#include <string>
#include <string_view>

#include "lib/values/sbdf.h"

namespace iomemgrant
{

/// Reads an address in the spelling of another tool: separators swapped or '_', "dom0:" before it,
/// options of xl pci-attach behind it, or without a function.
std::optional<Sbdf> guess_sbdf(std::string_view text);

/// A hint for what is no region but looks like one that another tool understands: a file of sysfs,
/// "BAR2", a range with '-' or "..", an address of memory.  Empty if @typed resembles none.
std::string region_hint(std::string_view typed);

} // namespace iomemgrant

#endif
