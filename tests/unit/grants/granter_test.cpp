// SPDX-License-Identifier: GPL-2.0-or-later
// Granter: what it grants and publishes, and what it takes back.
#include <cerrno>

#include "lib/grants/revoker.h"
#include "tests/unit/grants/granter.h"

using namespace iomemgrant;

TEST_F(GranterTest, a_granted_region_is_mapped_listed_and_revoked_without_a_trace)
{
	world.guests_cooperate();
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

TEST_F(GranterTest, when_the_second_region_fails_the_first_is_taken_back)
{
	device_.fail_grant = {2, GrantRefused::Reason::gnttab_full};
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
	world.guests_cooperate();
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
	world.guests_cooperate();
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

TEST_F(GranterTest, a_kernel_that_is_locked_down_is_the_reason_of_its_refusal)
{
	device_.refuse = [](const GrantRequest&) { return GrantRefused::Reason::permission; };
	host.lockdown = [] { return Lockdown{"integrity", Lockdown::Cause::secure_boot}; };
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }),
		(Said{"the kernel is locked down (integrity), because Secure Boot is on, and "
		      "grants "
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
	EXPECT_EQ(error_of([&] {
		return grant({"03:00.0/2@0+4K", "03:00.0/2@4K+4K"});
	}).text,
		"web1 did not map g18 within 10s; grant withdrawn [peer-timeout]");
	EXPECT_EQ(ends, 2);
	expect_nothing_left();
}

TEST_F(GranterTest, of_several_regions_those_the_domain_has_are_left_as_they_are)
{
	world.guests_cooperate();
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
	EXPECT_EQ(error_of([&] {
		return grant({"03:00.0/2@4K+4K", "03:00.0/2@12K+4K"});
	}).text,
		"web1 did not map g20 within 10s; grant withdrawn [peer-timeout]");
	EXPECT_EQ(device_.grants.size(), 3U);
}

TEST_F(GranterTest, a_uuid_is_that_of_the_living_not_of_what_was_left_by_a_reboot)
{
	world.guests_cooperate();
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
	world.guests_cooperate();
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
