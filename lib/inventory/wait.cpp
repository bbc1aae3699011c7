// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/inventory/wait.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

namespace iomemgrant
{

using std::chrono::milliseconds;

void Wait::restart(milliseconds limit)
{
	start_ = host_.now();
	deadline_ = start_ + limit;
}

milliseconds Wait::left() const
{
	return std::chrono::ceil<milliseconds>(deadline_ - host_.now());
}

milliseconds Wait::elapsed() const
{
	return std::chrono::duration_cast<milliseconds>(host_.now() - start_);
}

void Wait::follow(const std::vector<GrantStatus>& grants)
{
	std::map<std::string, std::unique_ptr<XenStoreWatch>> followed;
	for (const auto& status : grants) {
		const auto path = status.path(host_.self).frontend();
		auto known = followed_.extract(path);
		if (known.empty())
			followed.emplace(path, host_.store.watch(path));
		else
			followed.insert(std::move(known));
	}
	followed_ = std::move(followed);
}

bool Wait::sleep(bool rest)
{
	const auto limit = std::clamp(left(), milliseconds(0), longest_sleep);
	const bool event = host_.store.wait(limit, also_ == Also::module ? host_.device.fd() : -1);
	host_.checkpoint();
	if (event && rest)
		std::this_thread::sleep_for(shortest_sleep);
	return event;
}

std::string in_seconds(milliseconds limit)
{
	return fmt::format("{:g}s", static_cast<double>(limit.count()) / 1000);
}

} // namespace iomemgrant
