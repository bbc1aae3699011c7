// SPDX-License-Identifier: GPL-2.0-or-later
// For any devices and any request: what check says is what grant does, and what is granted are the
// pages that were asked for and nobody else's.
#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/render/grantable.h"
#include "lib/grants/granter.h"
#include "lib/text/byte_size.h"
#include "tests/fake/fake_machine.h"
#include "tests/unit/check/random_devices.h"
#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

constexpr std::uint32_t seed = 20070504;
constexpr int nr_requests = 12;

// IOMEMGRANT_MACHINES=10000 for a night's worth of them.
int nr_machines()
{
	const char* wanted = std::getenv("IOMEMGRANT_MACHINES");
	return wanted ? std::atoi(wanted) : 100;
}

std::string random_region(Dice& dice, const RandomDevices& devices)
{
	const auto& all = devices.devices();
	const auto& device = all[dice.below(static_cast<std::uint32_t>(all.size()))];
	const auto bar = dice.below(6);
	if (dice.one_in(4))
		return fmt::format("{}/{}", device.sbdf.str(), bar);
	// Mostly near the beginning, sometimes past the end.
	return fmt::format("{}/{}@{:#x}+{:#x}", device.sbdf.str(), bar, 4096 * dice.below(20),
		4096 * (1 + dice.below(dice.one_in(10) ? 2000 : 20)));
}

AllowSet random_allow(Dice& dice)
{
	AllowSet allow;
	for (const auto& name : AllowSet::all().names()) {
		if (dice.one_in(2))
			allow.add(AllowSet::parse(name));
	}
	return allow;
}

class Property : public testing::Test
{
protected:
	/// One request on one machine.  @tree is what the commands see of @devices.
	void try_one(const PciTree& tree, const RandomDevices& devices, std::vector<Grant>& grants)
	{
		FakeMachine machine(tree.root());
		machine.grants.grants = grants;
		auto& module = machine.grants.facts;
		module.gnttab_version = 1 + dice.below(2);
		module.max_pages = dice.one_in(4) ? 8 : 1024;
		for (const auto& grant : grants)
			module.nr_refs += static_cast<std::uint32_t>(grant.region.nr_pages());
		// Nothing of what the kernel refuses was called safe.
		std::optional<GrantRefused::Reason> kernel;
		machine.grants.refuse = [&](const GrantRequest& request) {
			return kernel = devices.refuse(request, grants, module);
		};
		machine.grants.locate = [&](const Region& region) {
			return devices.at(region.sbdf).bars[region.bar].first_page() +
			       region.offset;
		};
		DomainInfo other;
		other.id = Domid(6);
		machine.xen.list.push_back(other);
		machine.xs.write("/local/domain/6/name", "db");

		const auto region = random_region(dice, devices);
		const auto domain = DomainSpec::parse(dice.one_in(3) ? "id:6" : "id:5");
		GrantOptions options;
		options.allow = random_allow(dice);
		options.wait.reset();
		SCOPED_TRACE(fmt::format("{} to {} with {}", region, domain.text,
			fmt::join(options.allow.names(), ",")));
		auto& host = machine.host();
		const auto checked = error_of([&] {
			Domains domains(host);
			const std::vector specs{RegionSpec::parse(region)};
			const GrantCheck check(host, domains, domain, specs, options);
			if (const auto* refusal = check.regions().at(0).refusal())
				throw Error(*refusal);
			return 0;
		});
		EXPECT_EQ(machine.grants.grants.size(), grants.size());
		const auto granted = error_of([&] {
			return Granter(host).grant(domain, {RegionSpec::parse(region)}, options);
		});
		EXPECT_EQ(checked.text, granted.text);
		EXPECT_EQ(checked.exit, granted.exit);
		// Which may go on with all overrides that would be needed.
		EXPECT_TRUE(granted.hint.starts_with(checked.hint)) << granted.hint;
		EXPECT_FALSE(kernel) << granted.text;
		counts[granted.exit]++;
		if (granted.exit == 0)
			look_at(devices, machine, region, options.allow, grants.size());
		grants = machine.grants.grants;
	}

	void look_at(const RandomDevices& devices, FakeMachine& machine, const std::string& region,
		const AllowSet& allow, std::size_t before)
	{
		const auto& now = machine.grants.grants;
		// Or it was granted already.
		if (now.size() == before)
			return;
		ASSERT_EQ(now.size(), before + 1);
		const auto& made = now.back();
		const auto asked = RegionSpec::parse(region);
		const auto& device = devices.at(asked.sbdf);
		const auto& bar = device.bars[asked.bar];
		EXPECT_EQ(made.region.sbdf, asked.sbdf);
		EXPECT_EQ(made.region.bar, asked.bar);
		EXPECT_EQ(made.region.offset, asked.offset);
		EXPECT_EQ(made.region.length, asked.length.value_or(made.region.length));
		EXPECT_EQ(made.allow, allow);
		const auto start = bar.first_page() + made.region.offset;
		const auto end = start + made.region.length;
		EXPECT_LE(end, bar.end_page());
		EXPECT_FALSE(devices.touches_msix(device, asked.bar, start, end));
		EXPECT_FALSE(start < 0xfef00000 && 0xfee00000 < end);
		const auto only_with = [&](AllowClass name, bool hazard) {
			EXPECT_TRUE(!hazard || allow.has(name)) << to_string(name);
		};
		only_with(AllowClass::shared_page,
			devices.touches_other(device, asked.bar, start, end));
		only_with(AllowClass::dma_capable, device.command & 4);
		only_with(AllowClass::decode_off, !(device.command & 2));
		only_with(AllowClass::driver_bound, device.driver == "i40e");
		only_with(AllowClass::critical_device, device.class_code >> 16 == 6);
		for (std::size_t i = 0; i < before; i++) {
			const bool meets = now[i].address < end &&
					   start < now[i].address + now[i].region.length;
			only_with(AllowClass::overlap, meets);
			EXPECT_FALSE(meets && now[i].domid == made.domid);
		}
	}

	Dice dice{seed};
	std::map<int, int> counts;
};

} // namespace

TEST_F(Property, check_says_what_grant_does_and_no_page_but_those_asked_for_is_granted)
{
	for (int i = 0; i < nr_machines(); i++) {
		SCOPED_TRACE(fmt::format("machine {}", i));
		PciTree tree;
		const RandomDevices devices(dice);
		devices.write(tree);
		std::vector<Grant> grants;
		for (int j = 0; j < nr_requests; j++)
			try_one(tree, devices, grants);
	}
	// It is only worth something if every way to end was taken, and often.
	EXPECT_GT(counts[0], nr_machines() / 4);
	for (const int status : {2, 3, 5, 6, 7, 9})
		EXPECT_GT(counts[status], nr_machines() / 40) << status;
}

TEST_F(Property, bars_and_check_say_the_same_of_every_page)
{
	int grantable = 0, refused = 0;
	for (int i = 0; i < nr_machines(); i++) {
		SCOPED_TRACE(fmt::format("machine {}", i));
		PciTree tree;
		const RandomDevices devices(dice);
		devices.write(tree);
		FakeMachine machine(tree.root());
		machine.grants.facts.gnttab_version = 1 + dice.below(2);
		auto& host = machine.host();
		Domains domains(host);
		Surroundings surroundings;
		surroundings.situation.module = machine.grants.info();
		for (const auto& device : host.pci.all()) {
			for (const auto index : device.memory_bars()) {
				const auto& bar = device.bar(index);
				const auto found = Grantable::of(
					host.pci, bar, device.sbdf, surroundings, host.policy());
				GrantOptions options;
				options.allow.add(found.needs);
				const auto page = dice.below(static_cast<std::uint32_t>(
					std::min<std::uint64_t>(bar.nr_pages(), 20)));
				const bool yes = std::any_of(found.pages.begin(), found.pages.end(),
					[&](const PageRun& run) {
						return run.first <= page &&
						       page < run.first + run.count;
					});
				const std::vector<RegionSpec> specs{
					{device.sbdf, index, page * page_size, page_size}};
				const GrantCheck check(
					host, domains, DomainSpec::parse("id:5"), specs, options);
				const auto* refusal = check.regions().at(0).refusal();
				EXPECT_EQ(yes, !refusal)
					<< device.sbdf.str() << " BAR" << index << " page " << page
					<< (refusal ? refusal->what() : "");
				(yes ? grantable : refused)++;
			}
		}
	}
	EXPECT_GT(grantable, nr_machines() / 2);
	EXPECT_GT(refused, nr_machines() / 10);
}
