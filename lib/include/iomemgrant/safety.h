// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_SAFETY_H
#define IOMEMGRANT_SAFETY_H

#include <string_view>
#include <vector>

#include <iomemgrant/allow.h>
#include <iomemgrant/error.h>
#include <iomemgrant/pci_device.h>
#include <iomemgrant/region.h>

namespace iomemgrant
{

/// Settles the length of what the user named: up to the end of the BAR where none was given.  A
/// part that does not exist stays as it is, for unsafe() to refuse.  Throws Error no-device.
Region settle(const PciDevices& devices, const RegionSpec& spec);

/// Throws Error no-device, no-bar, bar-io, bar-upper-half, bar-unassigned, range-past-end or what
/// RegionSpec::require_pages() throws, unless there are such pages.
void require_present(const PciDevices& devices, const Region& region);

/// All reasons not to grant @region for writing, worst first, without those that @allow lifts.
/// MSI-X is never lifted: that override is for read-only grants.  @grantee names the domain in messages.  The kernel module repeats these checks on its own
/// data: what is found here is advice with a reason, not the barrier.
std::vector<Error> unsafe(const PciDevices& devices, const Region& region, const AllowSet& allow,
	std::string_view grantee = "the guest");

} // namespace iomemgrant

#endif
