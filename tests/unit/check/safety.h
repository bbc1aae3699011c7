// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef SAFETY_H
#define SAFETY_H

#include <vector>

#include <gtest/gtest.h>

#include "lib/check/safety.h"
#include "tests/unit/support/error_of.h"
#include "tests/unit/support/pci_tree.h"

namespace iomemgrant
{

inline constexpr const char* nic = "0000:03:00.0";

/// Judges regions of devices in a sysfs tree.
class Safety : public testing::Test
{
protected:
	/// Returns the reasons against granting @region, in order.
	std::vector<Said> against(const char* region, const char* allow = nullptr)
	{
		const PciDevices devices(tree.root());
		const auto set = allow ? AllowSet::parse(allow) : AllowSet();
		std::vector<Said> said;
		for (const auto& hazard :
			hazards(devices, settle(devices, RegionSpec::parse(region)), "web1")) {
			if (!hazard.lifted_by(set))
				said.push_back(error_of([&]() -> int { throw hazard.error; }));
		}
		return said;
	}

	PciTree tree;
};

using Findings = std::vector<Said>;

} // namespace iomemgrant

#endif
