// SPDX-License-Identifier: GPL-2.0-or-later
// Granter while it waits for the guest.
#include "tests/unit/grants/granter.h"

using namespace iomemgrant;

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

// A guest that finds no watch; `grant` tells so, with @hint behind the first remedy.
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

TEST_F(GranterTest, what_was_only_offered_is_waited_for_when_it_is_granted_again)
{
	GrantOptions offer;
	offer.wait.reset();
	(void)grant({"03:00.0/2@0+4K"}, offer);
	EXPECT_EQ(error_of([&] { return grant({"03:00.0/2@0+4K"}); }).text,
		"web1 did not map g17 within 10s; it stays offered [peer-timeout]");
	ASSERT_EQ(device_.grants.size(), 1U);

	world.guests_cooperate();
	const auto outcome = grant({"03:00.0/2@0+4K"});
	EXPECT_FALSE(outcome.changed);
	EXPECT_EQ(outcome.grants.at(0).state(), GrantState::mapped);
}
