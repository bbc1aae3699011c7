// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/revoker.h>

#include <algorithm>

#include <fmt/format.h>

#include <iomemgrant/error.h>
#include <iomemgrant/publisher.h>

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

// Xen's count may drop without any XenStore event, so nobody sleeps longer than this at a time.
constexpr milliseconds longest_nap{250};

std::string seconds(milliseconds limit)
{
	return fmt::format("{:g}s", static_cast<double>(limit.count()) / 1000);
}

} // namespace

void Revoker::revoke(const GrantStatus& status, milliseconds limit)
{
	const auto path = status.path(host_.self);
	const auto id = status.grant.id.str();

	host_.checkpoint();
	if (status.published) {
		host_.trace(fmt::format("{}: asking {} to let go", id, describe(status.domain)));
		announce_closing(host_.store, path);
	}
	if (status.in_kernel && end(status, limit) == Progress::still_mapped)
		throw still_mapped(status, limit);
	host_.trace(fmt::format("{}: ended; withdrawing it from XenStore", id));
	withdraw(host_.store, {path});
}

Revoker::Progress Revoker::end(const GrantStatus& status, milliseconds limit)
{
	const auto deadline = host_.now() + limit;
	const auto watch = host_.store.watch(status.path(host_.self).frontend("state"));
	const auto release = host_.store.watch("@releaseDomain");
	while (true) {
		const auto left =
			std::chrono::ceil<milliseconds>(deadline - host_.now());
		const bool last = left <= milliseconds(0);
		// Ending under a guest that has the pages mapped would take nothing away from it,
		// but would turn a grant it may still give up politely into one that is ending.
		if (last || guest_let_go(status)) {
			try {
				if (host_.device.end(status.grant.id) == GrantDevice::Ended::yes)
					return Progress::ended;
			} catch (const Error& error) {
				// The kernel was faster: the guest died, or an earlier end came true.
				if (error.kind() == kind::no_grant)
					return Progress::ended;
				throw;
			}
			if (last)
				return Progress::still_mapped;
		}
		(void)host_.store.wait(std::min(left, longest_nap)); // event or not, look again
	}
}

// Whether ending can be tried: the guest says it is done, never began, or is no more.
bool Revoker::guest_let_go(const GrantStatus& status)
{
	if (!status.published || !status.domain_alive)
		return true;
	const auto path = status.path(host_.self);
	switch (decode_state(host_.store.read(path.frontend("state")))) {
	case XenbusState::connected:
	case XenbusState::closing:
		break;
	default:
		return true;
	}
	const auto domain = host_.hypervisor.domain(status.grant.domid);
	return !domain || domain->dying;
}

Error Revoker::still_mapped(const GrantStatus& status, milliseconds limit)
{
	const auto total = status.grant.region.nr_pages();
	auto mapped = total;
	for (const auto& grant : host_.device.list()) {
		if (grant.id == status.grant.id)
			mapped = grant.nr_mapped.value_or(static_cast<std::uint32_t>(total));
	}
	return Error(kind::still_mapped,
		fmt::format("{} still mapped by {} ({} of {} pages) after {}", status.grant.id.str(),
			short_name(status.domain), mapped, total, seconds(limit)),
		"--force=disable-decode cuts the device off; --force=destroy-domain is last resort")
		.with("grant", status.grant.id.str())
		.with("mapped_pages", fmt::format("{}", mapped));
}

} // namespace iomemgrant
