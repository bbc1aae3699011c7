// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/watch.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <fmt/format.h>

namespace iomemgrant::agent
{

namespace
{

constexpr auto node_events = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB |
			     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

// The longest a single poll() may last, so that the count of milliseconds fits.
constexpr std::chrono::milliseconds longest_poll = std::chrono::hours(1);

} // namespace

NodeWatch::NodeWatch(const Roots& roots)
	: device_root_(roots.dev), nodes_(roots.nodes()),
	  fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK))
{
	if (fd_ < 0)
		throw Error::from_errno(errno, "inotify_init1");
}

NodeWatch::~NodeWatch()
{
	close(fd_);
}

// The directory of the nodes exists only while there are nodes.  Until then its nearest ancestor is
// watched; that one changes when the next directory on the way appears.
void NodeWatch::arm()
{
	auto directory = nodes_;
	while (inotify_add_watch(fd_, directory.c_str(), node_events) < 0) {
		const int errnum = errno;
		if (errnum != ENOENT || directory == device_root_)
			throw Error::from_errno(
				errnum, fmt::format("watch {}", directory.string()));
		directory = directory.parent_path();
	}
}

bool NodeWatch::wait(std::chrono::steady_clock::time_point deadline)
{
	using std::chrono::milliseconds;

	for (;;) {
		// Rounded up: waking a moment early would spin.
		const auto left = std::chrono::ceil<milliseconds>(
			deadline - std::chrono::steady_clock::now());
		if (left <= milliseconds(0))
			return false;
		pollfd events = {.fd = fd_, .events = POLLIN, .revents = 0};
		const int rc =
			poll(&events, 1, static_cast<int>(std::min(left, longest_poll).count()));
		if (rc < 0 && errno != EINTR)
			throw Error::from_errno(errno, "poll");
		if (rc > 0)
			break;
	}
	// The caller looks at the folder afresh, so the events themselves are not needed.
	std::array<char, 4096> events;
	while (read(fd_, events.data(), events.size()) > 0) {
	}
	return true;
}

} // namespace iomemgrant::agent
