// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_OPTIONS_H
#define IOMEMGRANT_GRANT_OPTIONS_H

#include <chrono>
#include <optional>

#include "lib/values/allow.h"
#include "lib/values/grant.h"
#include "lib/values/label.h"

namespace iomemgrant
{

inline constexpr std::chrono::milliseconds default_wait{10000};

struct GrantOptions {
	AllowSet allow;
	Cache cache = Cache::uncached;
	std::optional<Label> label;
	/// How long the guest may take to map; absent: do not wait.
	std::optional<std::chrono::milliseconds> wait = default_wait;
	bool dry_run = false;
};

} // namespace iomemgrant

#endif
