// SPDX-License-Identifier: GPL-2.0-or-later
// Grant and revoke with every single request to XenStore and to the module failing in turn, once or
// from then on: nothing may stay that list does not show and revoke does not repair.
#include "lib/grants/granter.h"

#include <gtest/gtest.h>

#include "lib/grants/revoker.h"
#include "tests/unit/support/error_of.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

using std::chrono::milliseconds;
using std::chrono::seconds;

const Error out_of_reach(kind::no_xenstore, "read: xenstored does not answer");
const Error over_quota(kind::xenstore_quota, "write: a XenStore quota is reached");

/// A World whose guest maps each publication and lets go when asked, and whose requests can fail.
class FaultyWorld final : public World
{
public:
	FaultyWorld() { guests_cooperate(); }

	void grant_two_regions()
	{
		(void)Granter(now).grant(DomainSpec::parse("web1"),
			{RegionSpec::parse("03:00.0/2@0+8K"),
				RegionSpec::parse("03:00.0/2@16K+4K")},
			{});
	}

	void revoke_all()
	{
		Domains domains(now);
		for (const auto& status : take_inventory(now, domains))
			(void)Revoker(now).revoke(status, {});
	}

	/// From the @nth request on, counted from 1, @count requests fail with @error.
	void fail(int nth, int count, const Error& error)
	{
		requests = 0;
		const auto interfere = [this, nth, count, error](const std::string& request) {
			if (guest_acts)
				return;
			requests++;
			if (requests < nth || requests >= nth + count)
				return;
			if (requests == nth)
				failed = request;
			throw Error(error);
		};
		store().interfere = interfere;
		device().interfere = interfere;
	}

	void recover()
	{
		store().interfere = [](const std::string&) {};
		device().interfere = [](const std::string&) {};
	}

	bool untouched() { return device().grants.empty() && store().nodes == before; }

	/// Whether every grant and publication there is stands in list.
	bool listed()
	{
		Domains domains(now);
		std::size_t in_kernel = 0;
		std::size_t published = 0;
		for (const auto& status : take_inventory(now, domains)) {
			in_kernel += status.in_kernel;
			published += status.published;
		}
		std::size_t backends = 0;
		for (const auto& domain : store().directory("/local/domain/0/backend/iomem"))
			backends +=
				store().directory("/local/domain/0/backend/iomem/" + domain).size();
		return in_kernel == device().grants.size() && published == backends;
	}

	Host& now = host();
	int requests = 0;
	std::string failed;
};

constexpr int for_ever = 1 << 30;

} // namespace

TEST(Faults, a_grant_with_any_one_request_failing_is_rolled_back_completely)
{
	int steps = 0;
	for (const auto& fault : {out_of_reach, over_quota}) {
		for (int n = 1;; n++) {
			FaultyWorld world;
			world.fail(n, 1, fault);
			const auto said = error_of([&] { return world.grant_two_regions(), 0; });
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
		FaultyWorld world;
		world.fail(n, for_ever, out_of_reach);
		// The module goes on working.
		world.device().interfere = [](const std::string&) {};
		const auto said = error_of([&] { return world.grant_two_regions(), 0; });
		if (said.exit == 0)
			break;
		EXPECT_EQ(said.exit, 9) << n << ": " << said.text;
		for (const auto& grant : world.device().grants)
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
			FaultyWorld world;
			world.grant_two_regions();
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
	FaultyWorld world;
	world.store().conflicts = 50;
	world.grant_two_regions();
	EXPECT_EQ(world.device().grants.size(), 2U);
	EXPECT_EQ(world.store().read("/local/domain/0/backend/iomem/5/17/state"), "4");
	world.store().conflicts = 50;
	world.revoke_all();
	EXPECT_TRUE(world.untouched());
}

TEST(Faults, conflicts_without_end_are_given_up_and_rolled_back)
{
	FaultyWorld world;
	world.store().conflicts = 100;
	EXPECT_EQ(error_of([&] { return world.grant_two_regions(), 0; }).exit, kind::io_error.exit);
	EXPECT_TRUE(world.untouched());
}

TEST(Faults, a_slow_xenstore_does_not_stretch_the_limit_and_the_grant_is_rolled_back)
{
	FaultyWorld world;
	world.store().guest = [](FakeXenStore&) {};
	int requests = 0;
	world.store().interfere = [&](const std::string&) {
		requests++;
		world.store().time += seconds(1);
	};
	EXPECT_EQ(error_of([&] { return world.grant_two_regions(), 0; }).exit,
		kind::peer_timeout.exit);
	EXPECT_TRUE(world.untouched());
	EXPECT_LT(requests, 200);
}

TEST(Faults, an_interruption_between_any_two_steps_of_a_grant_leaves_nothing)
{
	int steps = 0;
	for (int n = 1;; n++) {
		FaultyWorld world;
		int checkpoints = 0;
		world.now.checkpoint = [&] {
			if (++checkpoints == n)
				throw Error(kind::interrupted, "interrupted");
		};
		const auto said = error_of([&] { return world.grant_two_regions(), 0; });
		if (checkpoints < n)
			break;
		steps++;
		EXPECT_EQ(said.exit, 130) << n;
		EXPECT_TRUE(world.untouched()) << n;
	}
	EXPECT_GE(steps, 4);
}
