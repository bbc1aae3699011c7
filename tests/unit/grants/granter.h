// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef GRANTER_H
#define GRANTER_H

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "lib/grants/granter.h"
#include "tests/fake/fake_grant_device.h"
#include "tests/fake/fake_hypervisor.h"
#include "tests/fake/fake_xenstore.h"
#include "tests/unit/support/error_of.h"

namespace iomemgrant
{

/// dom0 with one device, 0000:03:00.0, whose BAR2 has 32 KiB, and one guest, web1.
class GranterTest : public ::testing::Test
{
protected:
	GranterTest()
		: root(std::filesystem::temp_directory_path() /
			  fmt::format("granter-test-{}", getpid()))
	{
		const auto device = root / "0000:03:00.0";
		std::filesystem::create_directories(device);
		std::string config(64, '\0');
		config[0] = '\x86';
		config[1] = '\x80';
		config[4] = 2; // memory decoding on, bus master off
		std::ofstream(device / "config", std::ios::binary) << config;
		std::ofstream(device / "resource")
			<< "0x0 0x0 0x0\n0x0 0x0 0x0\n0xdd000000 0xdd007fff 0x140204\n0x0 0x0 0x0\n"
			   "0xe000 0xe01f 0x40101\n0x0 0x0 0x0\n";
		uuid = *Uuid::parse("6f0c1d2e-0011-4000-8000-00163e000001");
		DomainInfo web1;
		web1.id = Domid(5);
		web1.uuid = uuid;
		hypervisor.list = {DomainInfo{}, web1};
		device_.uuid = uuid;
		store.write("/local/domain/0/name", "Domain-0");
		store.write("/local/domain/0/backend/console/5/0", "");
		store.write("/local/domain/5/name", "web1");
		store.write("/local/domain/5/device/console/0", "");
		before = store.nodes;
		host.now = [this] { return store.time; };
	}
	~GranterTest() override { std::filesystem::remove_all(root); }

	/// The guest maps each offer, and lets go when asked.
	void guest_cooperates()
	{
		store.guest = [this](FakeXenStore& xs) {
			for (auto& grant : device_.grants) {
				const PublicationPath path(Domid(0), grant.domid, grant.id);
				const bool live = xs.read(path.backend("state")) == "4";
				xs.write(path.frontend("state"), live ? "4" : "6");
				grant.nr_mapped = live ? grant.refs.count : 0;
			}
		};
	}

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

	std::filesystem::path root;
	Uuid uuid;
	FakeGrantDevice device_;
	FakeXenStore store;
	FakeHypervisor hypervisor;
	std::map<std::string, std::string> before;
	Host host{.device = device_,
		.store = store,
		.hypervisor = hypervisor,
		.pci = PciDevices(root)};
};

} // namespace iomemgrant

#endif
