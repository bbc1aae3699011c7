// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_CANDIDATE_H
#define IOMEMGRANT_CANDIDATE_H

#include <cstdint>

#include "lib/pci/pci_device.h"
#include "lib/values/grant.h"
#include "lib/values/region.h"

namespace iomemgrant
{

/// A region of a device that was found, with the device as it was then.
struct Candidate {
	PciDevice device;
	Region region;

	const PciBar& bar() const { return device.bar(region.bar); }
	/// Machine address of the first byte.
	std::uint64_t address() const { return bar().first_page() + region.offset; }
	/// Machine address of a grant that meets this one.
	std::uint64_t address_of(const Grant& grant) const;
	/// Whether a page of @grant is one of these.
	bool meets(const Grant& grant) const;
};

/// Finds the region; without a length it ends with its BAR.  Throws Error no-device, no-bar,
/// bar-io, bar-upper-half, bar-unassigned, range-past-end or as RegionSpec::require_pages() does.
Candidate locate(const PciDevices& devices, const RegionSpec& spec);

} // namespace iomemgrant

#endif
