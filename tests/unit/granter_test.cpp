// SPDX-License-Identifier: GPL-2.0-or-later
#include <iomemgrant/granter.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include <iomemgrant/revoker.h>

#include "error_of.h"
#include "fake/fake_grant_device.h"
#include "fake/fake_hypervisor.h"
#include "fake/fake_xenstore.h"

using namespace iomemgrant;

namespace
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

	/// The guest maps whatever it is offered, and lets go when asked.
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

} // namespace

TEST_F(GranterTest, a_granted_region_is_mapped_listed_and_revoked_without_a_trace)
{
	guest_cooperates();
	const auto outcome = grant({"03:00.0/2@16K+8K"});
	EXPECT_TRUE(outcome.changed);
	ASSERT_EQ(outcome.grants.size(), 1U);
	EXPECT_EQ(outcome.grants[0].state(), GrantState::mapped);
	EXPECT_EQ(outcome.grants[0].mapped_pages(), 2U);
	EXPECT_FALSE(grant({"03:00.0/2@16K+8K"}).changed);

	Domains domains(host);
	const auto grants = take_inventory(host, domains);
	ASSERT_EQ(grants.size(), 1U);
	(void)Revoker(host).revoke(grants[0], {});
	expect_nothing_left();
}

TEST_F(GranterTest, a_silent_guest_times_out_and_nothing_is_left)
{
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }),
		(Said{"web1 did not map g17 within 10s; grant withdrawn [peer-timeout]",
			"is the module xen_iomemgrant loaded in the guest? --no-wait leaves the "
			"offer open",
			8}));
	expect_nothing_left();
}

TEST_F(GranterTest, a_guest_that_fails_is_quoted_and_nothing_is_left)
{
	store.guest = [](FakeXenStore& xs) {
		xs.write("/local/domain/5/device/iomem/17/error", "EINVAL bad refs");
		xs.write("/local/domain/5/device/iomem/17/state", "6");
	};
	const auto said = error_of([&] { return grant({"03:00.0/2@0+4K"}); });
	EXPECT_EQ(said.text,
		"web1 could not map g17: EINVAL bad refs; grant withdrawn [guest-error]");
	EXPECT_EQ(said.exit, 11);
	expect_nothing_left();
}

TEST_F(GranterTest, when_the_second_region_fails_the_first_is_taken_back)
{
	device_.fail_grant = {2, ENOSPC};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K", "03:00.0/2@4K+4K"}); }).exit, 7);
	expect_nothing_left();
}

TEST_F(GranterTest, when_publishing_fails_nothing_is_left)
{
	store.fail_transaction = 1;
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).exit, 7);
	expect_nothing_left();
}

TEST_F(GranterTest, each_refusal_has_its_words_and_changes_nothing)
{
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/4"}); }),
		(Said{"0000:03:00.0 BAR4 is an I/O port range, not memory [bar-io]",
			"memory BARs: 2", 3}));
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/3"}); }).text,
		"0000:03:00.0 BAR3 is the upper half of 64-bit BAR2 [bar-upper-half]");
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0x7000+0x2000"}); }),
		(Said{"0x7000+0x2000 ends at 0x9000, past BAR2's 0x8000 bytes [range-past-end]",
			"nearest page range: 0x7000+0x1000", 2}));
	EXPECT_EQ(error_of([&] { return grant({"82:00.0/2"}); }),
		(Said{"no PCI device 0000:82:00.0 in this domain [no-device]",
			"xen-iomemgrant bars", 3}));
	expect_nothing_left();
}

TEST_F(GranterTest, a_guest_that_keeps_the_pages_is_reported_and_the_grant_is_ending)
{
	guest_cooperates();
	(void)grant({"03:00.0/2@16K+8K"});
	store.guest = [](FakeXenStore&) {};
	Domains domains(host);
	const auto grants = take_inventory(host, domains);
	EXPECT_EQ(error_of([&] {
		(void)Revoker(host).revoke(grants.at(0), {});
		return 0;
	}).text,
		"g17 still mapped by web1 (2 of 2 pages) after 10s [still-mapped]");
	EXPECT_EQ(take_inventory(host, domains).at(0).state(), GrantState::revoking);
}

TEST_F(GranterTest, of_two_commands_at_once_only_one_gets_the_label)
{
	guest_cooperates();
	GrantOptions options;
	options.label = Label::parse("doorbell");
	// The other command's whole work, between our grant and our publication.
	bool happened = false;
	Said other;
	store.interfere = [&](const std::string& request) {
		if (request != "start transaction" || std::exchange(happened, true))
			return;
		other = error_of([&] { return grant({"03:00.0/2@16K+4K"}, options); });
	};
	EXPECT_EQ(grant({"03:00.0/2@0+4K"}, options).grants.at(0).grant.id, GrantId(17));
	EXPECT_EQ(other, (Said{"web1 already has a grant labelled 'doorbell' (g17) [label-in-use]",
				 "revoke g17 or choose another label", 5}));
	ASSERT_EQ(device_.grants.size(), 1U);
	EXPECT_EQ(device_.grants[0].id, GrantId(17));
	EXPECT_EQ(store.directory("/local/domain/5/device/iomem"), std::vector<std::string>{"17"});
}

TEST_F(GranterTest, a_domain_that_dies_before_the_publication_does_not_come_back_in_xenstore)
{
	bool happened = false;
	store.interfere = [&](const std::string& request) {
		if (request != "start transaction" || std::exchange(happened, true))
			return;
		store.erase("/local/domain/5");
		before = store.nodes;
	};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).text,
		"domain 5 is gone [no-domain]");
	expect_nothing_left();
}

TEST_F(GranterTest, what_a_guest_says_it_has_mapped_counts_only_when_xen_says_so)
{
	store.guest = [this](FakeXenStore& xs) {
		for (const auto& grant : device_.grants) {
			const PublicationPath path(Domid(0), grant.domid, grant.id);
			const bool live = xs.read(path.backend("state")) == "4";
			xs.write(path.frontend("state"), live ? "4" : "6");
		}
	};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).text,
		"web1 did not map g17 within 10s; grant withdrawn [peer-timeout]");
	expect_nothing_left();
}

// What `grant` says to a guest that finds no watch, with @hint behind the first remedy.
class GuestWithoutWatch : public GranterTest
{
protected:
	void expect_hint(const std::string& hint)
	{
		store.guest = [](FakeXenStore& xs) {
			xs.write("/local/domain/5/device/iomem/17/error",
				"ENOSPC watches are used up");
		};
		EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }),
			(Said{"web1 could not map g17: all XenStore watches it may have are in "
			      "use; grant withdrawn [xenstore-quota]",
				"revoke another grant of web1, or " + hint, 7}));
		expect_nothing_left();
	}
};

TEST_F(GuestWithoutWatch, can_be_given_more_by_xenstored)
{
	expect_hint("xenstore-control quota set watches N; xen-iomemgrant limits web1 counts them");
}

TEST_F(GuestWithoutWatch, can_be_given_more_by_oxenstored_when_it_starts)
{
	store.quotas = {1000, 12, std::nullopt};
	expect_hint("raise quota-maxwatch in /etc/xen/oxenstored.conf and reboot");
}

TEST_F(GranterTest, the_limit_of_the_guest_s_own_module_is_named_with_its_remedy)
{
	store.guest = [](FakeXenStore& xs) {
		xs.write("/local/domain/5/device/iomem/17/error", "EFBIG nr-pages");
		xs.write("/local/domain/5/device/iomem/17/state", "6");
	};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+8K"}); }),
		(Said{"web1 could not map g17: EFBIG nr-pages; grant withdrawn [guest-error]",
			"in web1: echo 2 > /sys/module/xen_iomemgrant/parameters/max_pages", 11}));
	expect_nothing_left();
}

TEST_F(GranterTest, a_kernel_that_is_locked_down_is_the_reason_of_its_refusal)
{
	device_.refuse = [](const GrantRequest&) { return EPERM; };
	host.lockdown = [] { return Lockdown{"integrity", Lockdown::Cause::secure_boot}; };
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }),
		(Said{"the kernel is locked down (integrity), because Secure Boot is on, and grants "
		      "no device memory [permission]",
			"switch Secure Boot off in the firmware's setup and reboot", 4}));
	// Some kernels mount no securityfs; the module knows.
	host.lockdown = [] { return Lockdown(); };
	device_.facts.locked_down = true;
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).text,
		"the kernel is locked down (/sys/kernel/security does not tell the level) and "
		"grants no device memory [permission]");
	device_.facts.locked_down = false;
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }),
		(Said{"the kernel does not let this user grant device memory [permission]",
			"CAP_SYS_RAWIO is needed: run as root", 4}));
	expect_nothing_left();
}

TEST_F(GranterTest, a_grant_that_another_command_revokes_meanwhile_is_not_reported_as_granted)
{
	GrantOptions options;
	options.wait.reset();
	host.trace = [this](const std::string& step) {
		if (step == "publishing in XenStore")
			device_.grants.clear();
	};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}, options); }),
		(Said{"g17 was revoked by another command while it was granted [no-grant]",
			"xen-iomemgrant list", 3}));
	expect_nothing_left();
}

TEST_F(GranterTest, a_grant_that_is_revoked_while_it_is_waited_for_is_not_waited_for_any_longer)
{
	store.guest = [this](FakeXenStore& xs) {
		if (device_.grants.empty())
			return;
		const PublicationPath path(Domid(0), Domid(5), device_.grants.front().id);
		xs.write(path.frontend("state"), "6"); // as a guest answers who revokes
		device_.grants.clear();
	};
	const auto start = store.time;
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).text,
		"g17 was revoked by another command while it was granted [no-grant]");
	EXPECT_LT(store.time - start, std::chrono::seconds(2));
	expect_nothing_left();
}

TEST_F(GranterTest, what_is_rolled_back_is_asked_for_before_it_is_ended)
{
	// Of the second region the guest never says anything.
	store.guest = [this](FakeXenStore& xs) {
		if (device_.grants.empty() || device_.grants.front().id != GrantId(17))
			return;
		auto& first = device_.grants.front();
		const PublicationPath path(Domid(0), Domid(5), first.id);
		const bool live = xs.read(path.backend("state")) == "4";
		xs.write(path.frontend("state"), live ? "4" : "6");
		first.nr_mapped = live ? 1 : 0;
	};
	int ends = 0;
	device_.interfere = [&ends](const std::string& call) { ends += call == "end"; };
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K", "03:00.0/2@4K+4K"}); }).text,
		"web1 did not map g18 within 10s; grant withdrawn [peer-timeout]");
	EXPECT_EQ(ends, 2);
	expect_nothing_left();
}

TEST_F(GranterTest, a_domain_that_dies_right_after_it_was_told_has_been_granted_nothing)
{
	GrantOptions options;
	options.wait.reset();
	store.interfere = [this](const std::string& request) {
		if (request == "commit")
			hypervisor.list.at(1).dying = true;
	};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}, options); }).text,
		"domain web1 (d5) died while g17 was granted to it [domain-dying]");
	EXPECT_EQ(device_.grants.size(), 0U);
}

TEST_F(GranterTest, of_several_regions_those_the_domain_has_are_left_as_they_are)
{
	guest_cooperates();
	(void)grant({"03:00.0/2@4K+4K"});
	std::vector<std::string> trail;
	host.audit = [&trail](const AuditEntry& entry) { trail.push_back(entry.message); };
	const auto outcome = grant({"03:00.0/2@0+4K", "03:00.0/2@4K+4K", "03:00.0/2@8K+4K"});
	EXPECT_TRUE(outcome.changed);
	ASSERT_EQ(outcome.grants.size(), 3U);
	EXPECT_EQ(outcome.grants[0].grant.region.offset, 0U);
	EXPECT_EQ(outcome.grants[1].grant.id, GrantId(17));
	EXPECT_EQ(outcome.grants[2].grant.region.offset, 0x2000U);
	EXPECT_EQ(outcome.existing, std::vector{GrantId(17)});
	EXPECT_EQ(device_.grants.size(), 3U);
	EXPECT_EQ(trail.size(), 2U);

	// And are not taken back with what fails.
	store.guest = [](FakeXenStore&) {};
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@4K+4K", "03:00.0/2@12K+4K"}); }).text,
		"web1 did not map g20 within 10s; grant withdrawn [peer-timeout]");
	EXPECT_EQ(device_.grants.size(), 3U);
}

TEST_F(GranterTest, what_was_only_offered_is_waited_for_when_it_is_granted_again)
{
	GrantOptions offer;
	offer.wait.reset();
	(void)grant({"03:00.0/2@0+4K"}, offer);
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).text,
		"web1 did not map g17 within 10s; it stays offered [peer-timeout]");
	ASSERT_EQ(device_.grants.size(), 1U);

	guest_cooperates();
	const auto outcome = grant({"03:00.0/2@0+4K"});
	EXPECT_FALSE(outcome.changed);
	EXPECT_EQ(outcome.grants.at(0).state(), GrantState::mapped);
}

TEST_F(GranterTest, a_uuid_is_that_of_the_living_not_of_what_was_left_by_a_reboot)
{
	guest_cooperates();
	auto zombie = hypervisor.list.at(1);
	zombie.id = Domid(4);
	zombie.dying = true;
	hypervisor.list.insert(hypervisor.list.begin() + 1, zombie);
	Domains domains(host);
	EXPECT_EQ(domains.resolve(DomainSpec::parse(uuid.str())).id, Domid(5));

	hypervisor.list.at(1).dying = false;
	Domains again(host);
	EXPECT_EQ(error_of([&] { return again.resolve(DomainSpec::parse(uuid.str())); }).text,
		"domains 4 and 5 both have UUID 6f0c1d2e-0011-4000-8000-00163e000001 "
		"[ambiguous-domain]");
}

TEST_F(GranterTest, several_regions_share_one_transaction_one_watch_and_the_looks_at_directories)
{
	guest_cooperates();
	const auto requests = [this](const std::vector<std::string>& regions) {
		std::map<std::string, int> counted;
		store.interfere = [&counted](const std::string& request) {
			counted[request.substr(0, request.find(' '))]++;
			counted["all"]++;
		};
		const auto outcome = grant(regions);
		store.interfere = [](const std::string&) {};
		for (const auto& status : outcome.grants)
			(void)Revoker(host).revoke(status, {});
		return counted;
	};
	auto one = requests({"03:00.0/2@0+4K"});
	auto three = requests({"03:00.0/2@0+4K", "03:00.0/2@4K+4K", "03:00.0/2@8K+4K"});
	EXPECT_EQ(three["start"], 1);
	EXPECT_EQ(three["watch"], one["watch"]);
	EXPECT_EQ(three["list"], one["list"]);
	EXPECT_EQ(three["remove"], 0);
	// The directory of the guest, 18 nodes, and the answer of the guest.
	EXPECT_EQ(three["mkdir"] - one["mkdir"], 2);
	EXPECT_EQ(three["write"] - one["write"], 2 * 19);
	EXPECT_LE(three["all"] - one["all"], 2 * 31);
	expect_nothing_left();
}
