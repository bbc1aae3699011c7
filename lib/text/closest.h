// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_CLOSEST_H
#define IOMEMGRANT_CLOSEST_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace iomemgrant
{

/// The @candidates that @wanted may be a slip for: at most three, the nearest first, each no more
/// than @max_edits inserted, removed or replaced bytes away.  Upper and lower case of ASCII
/// letters are the same.
std::vector<std::string> closest(
	std::string_view wanted, const std::vector<std::string>& candidates, std::size_t max_edits);

} // namespace iomemgrant

#endif
