// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_SAFETY_H
#define IOMEMGRANT_SAFETY_H

#include <cstdint>
#include <string_view>
#include <vector>

#include <iomemgrant/allow.h>
#include <iomemgrant/error.h>
#include <iomemgrant/pci_device.h>
#include <iomemgrant/region.h>

namespace iomemgrant
{

/// Something that speaks against granting a part of a BAR.
struct Hazard {
	Error error;
	/// The pages of the BAR it is about; none: all of them.
	std::uint64_t first_page = 0;
	std::uint64_t nr_pages = 0;

	bool whole_bar() const { return !nr_pages; }
};

/// All that speaks against granting @region for writing, worst first.
std::vector<Hazard> hazards(
	const PciDevices& devices, const Region& region, std::string_view grantee = "the guest");

/// Settles the length of what the user named: up to the end of the BAR where none was given.  A
/// part that does not exist stays as it is, for unsafe() to refuse.  Throws Error no-device.
Region settle(const PciDevices& devices, const RegionSpec& spec);

/// Throws Error no-device, no-bar, bar-io, bar-upper-half, bar-unassigned, range-past-end or what
/// RegionSpec::require_pages() throws, unless there are such pages.
void require_present(const PciDevices& devices, const Region& region);

/// The reasons among hazards() that @allow does not lift.
/// MSI-X is never lifted: that override waits for read-only grants.  @grantee names the domain in
/// messages.  The kernel module repeats these checks on its own data: what is found here is advice
/// with a reason, not the barrier.
std::vector<Error> unsafe(const PciDevices& devices, const Region& region, const AllowSet& allow,
	std::string_view grantee = "the guest");

} // namespace iomemgrant

#endif
