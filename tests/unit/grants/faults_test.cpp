// SPDX-License-Identifier: GPL-2.0-or-later
// Grant and revoke with every single request to XenStore and to the module failing in turn, once or
// from then on: nothing may stay that list does not show and revoke does not repair.
#include "lib/grants/granter.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "lib/grants/revoker.h"
#include "tests/fake/fake_grant_device.h"
#include "tests/fake/fake_hypervisor.h"
#include "tests/fake/fake_xenstore.h"
#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;

const Error out_of_reach(kind::no_xenstore, "read: xenstored does not answer");
const Error over_quota(kind::xenstore_quota, "write: a XenStore quota is reached");

/// sysfs of a machine with one device.
class DeviceTree
{
public:
	DeviceTree()
		: root(std::filesystem::temp_directory_path() / fmt::format("faults-{}", getpid()))
	{
		const auto device = root / "0000:03:00.0";
		std::filesystem::create_directories(device);
		std::string config(64, '\0');
		config[4] = 2; // memory decoding on
		std::ofstream(device / "config", std::ios::binary) << config;
		std::ofstream(device / "resource") << "0xdd000000 0xdd007fff 0x140204\n"
						      "0x0 0x0 0x0\n0x0 0x0 0x0\n0x0 0x0 0x0\n"
						      "0x0 0x0 0x0\n0x0 0x0 0x0\n";
	}
	~DeviceTree() { std::filesystem::remove_all(root); }
	DeviceTree(const DeviceTree&) = delete;
	DeviceTree& operator=(const DeviceTree&) = delete;

	const std::filesystem::path root;
};

// Nothing writes there, so that hundreds of worlds share it.
const DeviceTree& device_tree()
{
	static const DeviceTree tree;
	return tree;
}

/// dom0 with that device and a guest that maps what it is offered and lets go when asked.
class World
{
public:
	World()
	{
		DomainInfo web1;
		web1.id = Domid(5);
		web1.uuid = *Uuid::parse("6f0c1d2e-0011-4000-8000-00163e000001");
		hypervisor.list = {DomainInfo{}, web1};
		device_.uuid = web1.uuid;
		store.write("/local/domain/0/name", "Domain-0");
		store.write("/local/domain/0/backend/console/5/0", "");
		store.write("/local/domain/5/name", "web1");
		store.write("/local/domain/5/device/console/0", "");
		before = store.nodes;
		host.now = [this] { return store.time; };
		store.guest = [this](FakeXenStore& xs) { act_as_guest(xs); };
	}
	World(const World&) = delete;
	World& operator=(const World&) = delete;

	void grant()
	{
		(void)Granter(host).grant(DomainSpec::parse("web1"),
			{RegionSpec::parse("03:00.0/0@0+8K"),
				RegionSpec::parse("03:00.0/0@16K+4K")},
			{});
	}

	void revoke_all()
	{
		Domains domains(host);
		for (const auto& status : take_inventory(host, domains))
			(void)Revoker(host).revoke(status, {});
	}

	/// From the @nth request on, counted from 1, @count requests fail with @error.
	void fail(int nth, int count, const Error& error)
	{
		requests = 0;
		const auto interfere = [this, nth, count, error](const std::string& request) {
			requests++;
			if (requests < nth || requests >= nth + count)
				return;
			if (requests == nth)
				failed = request;
			throw Error(error);
		};
		store.interfere = interfere;
		device_.interfere = interfere;
	}

	void recover()
	{
		store.interfere = [](const std::string&) {};
		device_.interfere = [](const std::string&) {};
	}

	bool untouched() const { return device_.grants.empty() && store.nodes == before; }

	/// Whether every grant and publication there is stands in list.
	bool listed()
	{
		Domains domains(host);
		std::size_t in_kernel = 0;
		std::size_t published = 0;
		for (const auto& status : take_inventory(host, domains)) {
			in_kernel += status.in_kernel;
			published += status.published;
		}
		std::size_t backends = 0;
		for (const auto& domain : store.directory("/local/domain/0/backend/iomem"))
			backends +=
				store.directory("/local/domain/0/backend/iomem/" + domain).size();
		return in_kernel == device_.grants.size() && published == backends;
	}

	FakeGrantDevice device_;
	FakeXenStore store;
	FakeHypervisor hypervisor;
	std::map<std::string, std::string> before;
	Host host{.device = device_,
		.store = store,
		.hypervisor = hypervisor,
		.pci = PciDevices(device_tree().root)};
	int requests = 0;
	std::string failed;

private:
	// Not through the requests that fail: those are the tool's.
	void act_as_guest(FakeXenStore& xs)
	{
		for (auto& grant : device_.grants) {
			const PublicationPath path(Domid(0), grant.domid, grant.id);
			const auto backend = xs.nodes.find(path.backend("state"));
			if (backend == xs.nodes.end())
				continue;
			const bool live = backend->second == "4";
			xs.nodes[path.frontend("state")] = live ? "4" : "6";
			grant.nr_mapped = live ? grant.refs.count : 0;
		}
	}
};

constexpr int for_ever = 1 << 30;

} // namespace

TEST(Faults, a_grant_with_any_one_request_failing_is_rolled_back_completely)
{
	int steps = 0;
	for (const auto& fault : {out_of_reach, over_quota}) {
		for (int n = 1;; n++) {
			World world;
			world.fail(n, 1, fault);
			const auto said = error_of([&] { return world.grant(), 0; });
			if (world.requests < n)
				break;
			steps++;
			EXPECT_EQ(said.exit, fault.kind().exit) << n << ": " << world.failed;
			EXPECT_NE(said.text.find(fault.what()), std::string::npos) << said.text;
			EXPECT_TRUE(world.untouched()) << n << ": " << world.failed;
		}
	}
	EXPECT_GT(steps, 150);
}

TEST(Faults, when_xenstore_goes_for_good_the_kernel_is_still_asked_to_end_and_the_rest_is_listed)
{
	bool something_stayed = false;
	for (int n = 1;; n++) {
		World world;
		world.fail(n, for_ever, out_of_reach);
		// The module goes on working.
		world.device_.interfere = [](const std::string&) {};
		const auto said = error_of([&] { return world.grant(), 0; });
		if (said.exit == 0)
			break;
		EXPECT_EQ(said.exit, 9) << n << ": " << said.text;
		for (const auto& grant : world.device_.grants)
			EXPECT_EQ(grant.state, Grant::State::ending) << n << ": " << world.failed;
		world.recover();
		EXPECT_TRUE(world.listed()) << n << ": " << world.failed;
		if (!world.untouched()) {
			something_stayed = true;
			EXPECT_NE(said.text.find("could not be taken back"), std::string::npos)
				<< said.text;
		}
		world.revoke_all();
		EXPECT_TRUE(world.untouched()) << n << ": " << world.failed;
	}
	EXPECT_TRUE(something_stayed);
}

TEST(Faults, a_revocation_broken_off_at_any_request_is_listed_and_finished_by_the_next)
{
	int steps = 0;
	for (const int count : {1, for_ever}) {
		for (int n = 1;; n++) {
			World world;
			world.grant();
			world.fail(n, count, out_of_reach);
			const auto said = error_of([&] { return world.revoke_all(), 0; });
			if (world.requests < n)
				break;
			steps++;
			EXPECT_EQ(said.exit, 9) << n << ": " << world.failed;
			world.recover();
			EXPECT_TRUE(world.listed()) << n << ": " << world.failed;
			world.revoke_all();
			EXPECT_TRUE(world.untouched()) << n << ": " << world.failed;
		}
	}
	EXPECT_GT(steps, 80);
}

TEST(Faults, fifty_conflicts_in_a_row_change_nothing_but_the_time)
{
	World world;
	world.store.conflicts = 50;
	world.grant();
	EXPECT_EQ(world.device_.grants.size(), 2U);
	EXPECT_EQ(world.store.read("/local/domain/0/backend/iomem/5/17/state"), "4");
	world.store.conflicts = 50;
	world.revoke_all();
	EXPECT_TRUE(world.untouched());
}

TEST(Faults, conflicts_without_end_are_given_up_and_rolled_back)
{
	World world;
	world.store.conflicts = 100;
	EXPECT_EQ(error_of([&] { return world.grant(), 0; }).exit, kind::io_error.exit);
	EXPECT_TRUE(world.untouched());
}

TEST(Faults, a_slow_xenstore_does_not_stretch_the_limit_and_the_grant_is_rolled_back)
{
	World world;
	world.store.guest = [](FakeXenStore&) {};
	int requests = 0;
	world.store.interfere = [&](const std::string&) {
		requests++;
		world.store.time += seconds(1);
	};
	EXPECT_EQ(error_of([&] { return world.grant(), 0; }).exit, kind::peer_timeout.exit);
	EXPECT_TRUE(world.untouched());
	EXPECT_LT(requests, 200);
}

TEST(Faults, an_interruption_between_any_two_steps_of_a_grant_leaves_nothing)
{
	int steps = 0;
	for (int n = 1;; n++) {
		World world;
		int checkpoints = 0;
		world.host.checkpoint = [&] {
			if (++checkpoints == n)
				throw Error(kind::interrupted, "interrupted");
		};
		const auto said = error_of([&] { return world.grant(), 0; });
		if (checkpoints < n)
			break;
		steps++;
		EXPECT_EQ(said.exit, 130) << n;
		EXPECT_TRUE(world.untouched()) << n;
	}
	EXPECT_GE(steps, 4);
}
