// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANTD_CARETAKER_H
#define XEN_IOMEMGRANTD_CARETAKER_H

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/grants/collector.h"
#include "lib/host/host.h"

namespace iomemgrant
{

/// The work of the service and its times, without the event loop around it.
class Caretaker
{
public:
	using Say = std::function<void(const std::string&)>;

	/// @say is told what was done, @complain what failed.
	Caretaker(Say say, Say complain) : say_(std::move(say)), complain_(std::move(complain)) {}

	/// Collects all remains there are.  Each is told once, however often it is met.  Throws
	/// what Collector throws.  Returns how many failed.
	std::size_t look(Host& host);

	/// A domain came or went: look often for a while, because neither Xen nor the toolstack is
	/// done with a domain when its death is announced.
	void domains_changed() { rush_ = 0; }
	/// How long to sleep after a look.
	std::chrono::milliseconds next_delay();

	/// Between an event and the first look: a command that is at it finishes its own work.
	static constexpr std::chrono::milliseconds settle{1000};
	/// When nothing happens.
	static constexpr std::chrono::milliseconds idle{60000};

private:
	Say say_;
	Say complain_;
	unsigned rush_ = 0;
	std::vector<std::string> told_;
};

/// The watches the service lives on, and what they belong to.
struct Watched {
	explicit Watched(XenStore& store);

	std::unique_ptr<XenStoreWatch> released;
	std::unique_ptr<XenStoreWatch> introduced;
};

} // namespace iomemgrant

#endif
