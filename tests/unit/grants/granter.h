// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef GRANTER_H
#define GRANTER_H

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"
#include "tests/unit/support/world.h"

namespace iomemgrant
{

/// Grants in a World, whose parts it names; the host is one and the same in each test.
class GranterTest : public ::testing::Test
{
protected:
	GrantOutcome grant(std::vector<std::string> regions, GrantOptions options = {})
	{
		std::vector<RegionSpec> specs;
		for (const auto& region : regions)
			specs.push_back(RegionSpec::parse(region));
		return Granter(host).grant(DomainSpec::parse("web1"), specs, options);
	}

	void expect_nothing_left()
	{
		EXPECT_EQ(device_.grants.size(), 0U);
		EXPECT_EQ(store.nodes, before);
	}

	World world;
	FakeGrantDevice& device_ = world.device();
	FakeXenStore& store = world.store();
	FakeHypervisor& hypervisor = world.hypervisor();
	std::map<std::string, std::string>& before = world.before;
	const Uuid uuid = hypervisor.list.at(1).uuid;
	Host& host = world.host();
};

} // namespace iomemgrant

#endif
