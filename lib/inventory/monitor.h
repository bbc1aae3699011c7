// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_MONITOR_H
#define IOMEMGRANT_MONITOR_H

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/inventory/wait.h"
#include "lib/values/grant_name.h"

namespace iomemgrant
{

/// One change of one grant.
struct GrantEvent {
	enum class Kind {
		present, ///< it was there when watching began
		granted, ///< it is new
		changed,
		gone,
	};

	Kind kind = Kind::changed;
	/// As it is; of one that is gone, as it was last.
	GrantStatus now;
	/// The grant before the change; with changed only.
	std::optional<GrantStatus> before;
};
std::string_view to_string(GrantEvent::Kind kind);

/// Tells every change of grants that can be seen in `list`.  Of changes that follow each other
/// faster than they can be looked at, it tells the sum.
class Monitor
{
public:
	using Filter = std::function<bool(const GrantStatus&)>;

	Monitor(Host& host, Filter filter);

	/// Blocks until there are events or @limit has passed.  The first call tells what is
	/// there.  Throws Error interrupted.
	std::vector<GrantEvent> next(std::chrono::milliseconds limit);

private:
	std::vector<GrantEvent> look();

	Host& host_;
	Filter filter_;
	Wait wait_;
	bool first_ = true;
	/// By path, because a publication that its grant left behind may have the id of another.
	std::map<PublicationPath, GrantStatus> known_;
};

/// The state of a grant that `wait` waits for.
enum class Goal { mapped, unmapped, gone };
/// Throws Error usage.
Goal parse_goal(std::string_view text);
std::string_view to_string(Goal goal);

/// Blocks until the grant has all its pages mapped, or none, or is gone; which Xen decides, not the
/// guest.  Returns it as it is then; absent when it is gone.  Throws Error timeout after @limit,
/// what select() throws, and no-grant for one that does not exist, unless it has existed and is to
/// be gone: that is known of an id, of a label it is not.
std::optional<GrantStatus> await_grant(
	Host& host, const GrantName& name, Goal goal, std::chrono::milliseconds limit);

} // namespace iomemgrant

#endif
