// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_WATCH_H
#define XEN_IOMEMAGENT_WATCH_H

#include <chrono>

#include "cmd/xen-iomemagent/mapped_grant.h"

namespace iomemgrant::agent
{

/// Tells when nodes of grants come or go.  Says that something changed, not what.
class NodeWatch
{
public:
	/// Throws Error io-error.
	explicit NodeWatch(const Roots& roots);
	~NodeWatch();

	NodeWatch(const NodeWatch&) = delete;
	NodeWatch& operator=(const NodeWatch&) = delete;

	/// From now on wait() notices a change.  Call it before looking at the world, each time.
	void arm();
	/// Sleeps until something changed (true) or until @deadline (false).
	bool wait(std::chrono::steady_clock::time_point deadline);

private:
	std::filesystem::path device_root_;
	std::filesystem::path nodes_;
	int fd_ = -1;
};

} // namespace iomemgrant::agent

#endif
