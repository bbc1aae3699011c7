// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_STATUS_H
#define IOMEMGRANT_GRANT_STATUS_H

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/domains.h"
#include "lib/publication/publication.h"
#include "lib/values/error.h"
#include "lib/values/grant.h"

namespace iomemgrant
{

enum class GrantState {
	offered,     ///< published, nothing mapped
	mapped,      ///< Xen says that pages are mapped
	revoking,    ///< asked back, the guest still maps
	orphaned,    ///< the domain is gone, or only the publication is left
	lost,        ///< the device is gone, or another driver or guest has it
	unpublished, ///< granted, but the guest was not told
};
std::string_view to_string(GrantState state);

/// A grant that its command did not live to publish is given up after this time, by the module's
/// own count, which no setting of the clock changes.
inline constexpr std::chrono::minutes abandoned_after{5};

/// One row of `list`: what the kernel module knows and what XenStore says of it, side by side.
struct GrantStatus {
	/// The kernel's record; for a publication without one, what the publication claims.
	Grant grant;
	bool in_kernel = false;
	/// The domain as it is now; only its id is set when it is gone.
	DomainInfo domain;
	bool domain_alive = false;
	bool published = false;
	/// Number of the publication's device; absent: the grant's own, as is usual.
	std::optional<GrantId> devid;
	/// Whether XenStore was asked what the granter and the guest say.  If not, Xen says that
	/// the guest has mapped all there is, and backend_state and guest are unknown.
	bool asked = false;
	XenbusState backend_state = XenbusState::unknown;
	Cache cache = Cache::uncached;
	std::optional<Label> label;
	GuestReply guest;
	/// Whether the device that the grant was made of is still there.
	bool device_present = false;
	/// The device that has its place now.
	std::optional<DeviceId> other_device;

	GrantState state() const;
	/// Xen's count; the guest's claim where Xen's is not to be had.
	std::uint64_t mapped_pages() const;
	/// A remark for a person that the columns do not hold, or empty.
	std::string note() const;
	/// Why the grant is lost, in words; empty when it is not.
	std::string loss() const;
	PublicationPath path(Domid granter) const
	{
		return {granter, grant.domid, devid.value_or(grant.id)};
	}
};

/// Every publication of this granter, known to the kernel or not.
std::vector<PublicationPath> list_publications(Host& host);

/// About which grants XenStore is asked.
enum class Ask {
	all,
	unsettled, ///< not about one that is live and, as Xen says, mapped in full
};

/// All grants and all publications without a grant, in order of id.  Changes nothing.  Costs some
/// XenStore requests per domain, and some per grant that XenStore is asked about.
std::vector<GrantStatus> take_inventory(Host& host, Domains& domains, Ask ask = Ask::all);

/// Returns the kernel's part alone, for when XenStore does not answer: names of domains and
/// publications are left empty.
std::vector<GrantStatus> take_kernel_inventory(Host& host);

/// The device that has the place of the grant's device, if it is one of another kind.
std::optional<DeviceId> replacement(const PciDevices& pci, const Grant& grant);
/// As replacement(), but also one of the same kind, where the module says that the device went.
std::optional<DeviceId> successor(const PciDevices& pci, const Grant& grant);
/// Error device-changed, with what was there and what is there @now.
Error device_changed(const Grant& existing, const DeviceId& now);

/// Adds the publication of a grant, as XenStore has it, to the kernel's part.
GrantStatus inspect(Host& host, Domains& domains, const Grant& grant);

/// Finds the number under which @grant is published, if it is, by the references of publications.
std::optional<GrantId> find_devid(Host& host, const Grant& grant);

/// Returns the remains in XenStore of a grant that the kernel does not have, as far as they can be
/// understood.
GrantStatus inspect_orphan(Host& host, Domains& domains, const PublicationPath& path);

/// Returns the module's part of a grant, without its publication.
GrantStatus inspect_kernel(Host& host, Domains& domains, const Grant& grant);

} // namespace iomemgrant

#endif
