// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_ONE_LINE_H
#define IOMEMGRANT_ONE_LINE_H

#include <string>
#include <string_view>

namespace iomemgrant
{

/// @text as people may see it on a terminal: one line of valid UTF-8.  Bytes that are none, control
/// characters and what changes the direction of writing become '?'.
std::string one_line(std::string_view text);

} // namespace iomemgrant

#endif
