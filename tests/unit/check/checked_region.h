// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UNIT_CHECKED_REGION_H
#define UNIT_CHECKED_REGION_H

#include <vector>

#include <gtest/gtest.h>

#include "lib/check/region_check.h"
#include "tests/unit/support/error_of.h"
#include "tests/unit/support/pci_tree.h"

namespace iomemgrant
{

inline constexpr const char* nic = "0000:03:00.0";

/// Judges regions of devices in a sysfs tree.
class CheckedRegion : public testing::Test
{
protected:
	/// Returns the reasons against granting @region, in order.
	std::vector<Said> against(const char* region, const char* allow = nullptr)
	{
		const PciDevices devices(tree.root());
		const auto set = allow ? AllowSet::parse(allow) : AllowSet();
		std::vector<Said> said;
		for (const auto& finding : findings(devices, RegionSpec::parse(region), set)) {
			if (!finding.lifted)
				said.push_back(error_of([&]() -> int { throw finding.error; }));
		}
		return said;
	}

	/// Returns all reasons, lifted or not, on a machine without policy, grants and guests.
	static std::vector<Finding> findings(
		const PciDevices& devices, const RegionSpec& region, const AllowSet& allow = {})
	{
		DomainInfo web1;
		web1.name = "web1";
		const Policy policy;
		const Situation situation;
		RegionCheck check(devices, policy, situation, region, allow, &web1);
		check.run();
		return check.findings;
	}

	PciTree tree;
};

using Findings = std::vector<Said>;

} // namespace iomemgrant

#endif
