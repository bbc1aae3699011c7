// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_DURATION_H
#define OUTPUT_DURATION_H

#include <chrono>
#include <string>
#include <string_view>

namespace iomemgrant
{

/// A time span of at most a day, written as for systemd: "10" and "0.5" are seconds, "500ms", "5m",
/// "1h" and "1min 30s" say their units.  Throws Error usage naming @option.
std::chrono::milliseconds parse_duration(const std::string& option, std::string_view text);

} // namespace iomemgrant

#endif
