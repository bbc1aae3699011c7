// SPDX-License-Identifier: LGPL-2.1-or-later
// GrantStatus in words: the note that `list` has beside a grant.
#include "lib/inventory/grant_status.h"

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

using Reason = Grant::LostReason;

std::string words_of(Reason reason)
{
	switch (reason) {
	case Reason::device_gone:
		return "device gone";
	case Reason::moved:
		return "its BAR has another address";
	case Reason::driver_left:
		return "its driver left";
	case Reason::driver_came:
		return "a driver was bound to its device";
	case Reason::assigned:
		return "its device was assigned to a guest";
	}
	return "";
}

// "1234:11e8"; or, of the kind that was granted, words that tell the two apart.
std::string name_of(const DeviceId& now, const DeviceId& granted)
{
	return now == granted ? "another of its kind" : now.str();
}

// A command is between granting and publishing for an instant.
std::string why_unpublished(const Grant& grant)
{
	if (grant.state == Grant::State::ending)
		return "";
	if (!grant.persistent)
		return "held by a program";
	return grant.age > abandoned_after ? "not in XenStore; revoke it" : "not in XenStore yet";
}

// Returns what XenStore says of a grant that the module has.
std::string word_of_xenstore(const GrantStatus& status)
{
	if (status.backend_state == XenbusState::closed)
		return "fenced";
	if (!status.published)
		return why_unpublished(status.grant);
	if (!status.guest.error.empty())
		return fmt::format("guest reports: {}", status.guest.error);
	// Without a look at XenStore the guest's claim is not known.
	const auto claim = status.guest.mapped_pages.value_or(0);
	if (status.asked && status.grant.nr_mapped && claim != *status.grant.nr_mapped)
		return fmt::format("guest says {}", claim);
	return "";
}

} // namespace

std::string GrantStatus::note() const
{
	if (!in_kernel)
		return domain_alive ? "ended; gc takes it out of XenStore" : "domain gone; run gc";
	if (!domain_alive)
		return grant.persistent ? "domain gone; run gc" : "domain gone";
	if (other_device)
		return fmt::format(
			"device gone; {} is there now", name_of(*other_device, grant.device_id));
	if (grant.state == Grant::State::lost)
		return loss();
	auto text = describe(grant.changes);
	const auto more = word_of_xenstore(*this);
	if (!text.empty() && !more.empty())
		text += "; ";
	return text + more;
}

std::string GrantStatus::loss() const
{
	if (grant.state != Grant::State::lost)
		return "";
	// An older module does not tell.
	return words_of(grant.lost_reason.value_or(
		device_present ? Reason::driver_left : Reason::device_gone));
}

std::optional<DeviceId> replacement(const PciDevices& pci, const Grant& grant)
{
	const auto now = pci.identity(grant.region.sbdf);
	// A publication without a grant says nothing of what the device was.
	if (!now || !grant.device_id.vendor || *now == grant.device_id)
		return std::nullopt;
	return now;
}

std::optional<DeviceId> successor(const PciDevices& pci, const Grant& grant)
{
	if (grant.lost_reason == Reason::device_gone)
		return pci.identity(grant.region.sbdf);
	return replacement(pci, grant);
}

Error device_changed(const Grant& existing, const DeviceId& now)
{
	const auto bdf = existing.region.sbdf.str();
	return Error(kind::device_changed,
		fmt::format("{} was {} when {} was granted, and {} is there now", bdf,
			existing.device_id.str(), existing.id.str(),
			name_of(now, existing.device_id)),
		fmt::format("revoke {} first", existing.id.str()))
		.with("bdf", bdf)
		.with("grant", existing.id.str());
}

} // namespace iomemgrant
