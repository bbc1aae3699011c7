// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_SAFETY_H
#define IOMEMGRANT_SAFETY_H

#include <cstdint>
#include <string_view>
#include <vector>

#include "lib/pci/pci_device.h"
#include "lib/values/allow.h"
#include "lib/values/error.h"
#include "lib/values/region.h"

namespace iomemgrant
{

/// Something that speaks against granting a part of a BAR.
struct Hazard {
	Error error;
	/// The pages of the BAR it is about; none: all of them.
	std::uint64_t first_page = 0;
	std::uint64_t nr_pages = 0;
	/// No override lifts it, not even one that lifts others of its kind.
	bool final = false;

	bool whole_bar() const { return !nr_pages; }
	/// Whether some override lifts it.
	bool liftable() const { return lifted_by(AllowSet::all()); }
	bool lifted_by(const AllowSet& allow) const { return !final && allow.lifts(error.kind()); }
};

/// All that the device says against granting @region for writing, worst first.  @grantee names the
/// domain in messages.  The kernel module repeats most of these checks on its own data: they give
/// reasons here, and are no barrier.
std::vector<Hazard> hazards(
	const PciDevices& devices, const Region& region, std::string_view grantee = "the guest");

/// Settles the length of what the user named: up to the end of the BAR where none was given.  A
/// part that does not exist stays as it is, for hazards() to tell.  Throws Error no-device.
Region settle(const PciDevices& devices, const RegionSpec& spec);

/// Throws Error no-device, no-bar, bar-io, bar-upper-half, bar-unassigned, range-past-end or what
/// RegionSpec::require_pages() throws, unless there are such pages.
void require_present(const PciDevices& devices, const Region& region);

} // namespace iomemgrant

#endif
