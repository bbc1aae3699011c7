// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_WAIT_H
#define IOMEMGRANT_WAIT_H

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"

namespace iomemgrant
{

/// One wait for guests or grants.  The caller watches first, then reads, then sleeps, and reads
/// again after every sleep.
class Wait
{
public:
	/// The sources of news besides the watches.
	enum class Also {
		nothing,
		module, ///< grants come, go or change state
	};

	Wait(Host& host, std::chrono::milliseconds limit, Also also = Also::module)
		: host_(host), also_(also)
	{
		restart(limit);
	}

	/// Lets @limit begin now.
	void restart(std::chrono::milliseconds limit);
	/// Whether the limit has passed.
	bool over() const { return left() <= std::chrono::milliseconds(0); }
	/// Time since the limit began.
	std::chrono::milliseconds elapsed() const;

	/// Watches @path of XenStore and everything below it.
	void watch(const std::string& path) { watches_.push_back(host_.store.watch(path)); }
	/// Also watches the frontends of these grants, and no longer those of others.
	void follow(const std::vector<GrantStatus>& grants);

	/// Sleeps until there is news or the limit has passed.  A change of Xen's count of mappings
	/// makes no event, nor does the death of a guest in its own directory, so no sleep is
	/// longer than longest_sleep.  @rest: goes on for shortest_sleep after an event, because a
	/// guest may make events as fast as it likes, and each look costs dom0 a lot more.  Returns
	/// whether there was an event.  Throws Error interrupted.
	bool sleep(bool rest = true);

	static constexpr std::chrono::milliseconds longest_sleep{500};
	static constexpr std::chrono::milliseconds shortest_sleep{20};

private:
	std::chrono::milliseconds left() const;

	Host& host_;
	Also also_;
	std::chrono::steady_clock::time_point start_;
	std::chrono::steady_clock::time_point deadline_;
	std::vector<std::unique_ptr<XenStoreWatch>> watches_;
	std::map<std::string, std::unique_ptr<XenStoreWatch>> followed_;
};

/// "10s", "2.5s"
std::string in_seconds(std::chrono::milliseconds limit);

} // namespace iomemgrant

#endif
