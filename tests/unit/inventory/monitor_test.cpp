// SPDX-License-Identifier: GPL-2.0-or-later
// wait and monitor, while the guest and other programs act.
#include "lib/inventory/monitor.h"

#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

class Watching : public testing::Test
{
protected:
	int run(std::vector<std::string> arguments)
	{
		out.clear();
		err.clear();
		return run_command_line(
			arguments, world, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; }, false);
	}

	/// Does one of these each time somebody waits, then nothing.
	void then(std::vector<std::function<void()>> acts)
	{
		acts_ = std::move(acts);
		next_ = 0;
		world.store().guest = [this](FakeXenStore&) {
			if (next_ < acts_.size())
				acts_[next_++]();
		};
	}

	std::vector<Answer> lines() const
	{
		std::vector<Answer> documents;
		std::size_t at = 0;
		for (std::size_t end; (end = out.find('\n', at)) != std::string::npos; at = end + 1)
			documents.push_back(Answer(out.substr(at, end - at)));
		return documents;
	}

	World world;
	std::string out;
	std::string err;

private:
	std::vector<std::function<void()>> acts_;
	std::size_t next_ = 0;
};

} // namespace

TEST_F(Watching, wait_ends_when_xen_says_that_all_is_mapped)
{
	(void)world.grant("03:00.0/2@0+8K", false);
	auto& grant = world.device().grants.front();
	// The guest claims more than is true.
	world.store().write("/local/domain/5/device/iomem/17/mapped-pages", "2");
	world.store().write("/local/domain/5/device/iomem/17/state", "4");
	then({[&] { grant.nr_mapped = 1; }, [] {}, [&] { grant.nr_mapped = 2; }});
	EXPECT_EQ(run({"wait", "g17", "--for=mapped"}), 0);
	EXPECT_EQ(out, "g17 is mapped: 2 of 2 pages mapped\n");
}

TEST_F(Watching, wait_gives_up_and_says_how_far_it_got)
{
	(void)world.grant("03:00.0/2@0+8K", false);
	EXPECT_EQ(run({"wait", "g17", "--for=mapped", "--timeout=2"}), 8);
	EXPECT_EQ(err,
		"xen-iomemgrant: error: g17 is not mapped after 2s: offered, 0 of 2 pages mapped "
		"[timeout]\n"
		"hint: --timeout=SEC waits longer\n");
}

TEST_F(Watching, wait_for_what_is_not_there)
{
	EXPECT_EQ(run({"wait", "g99", "--for=gone"}), 0);
	EXPECT_EQ(run({"wait", "g99", "--for=mapped"}), 3);
	EXPECT_EQ(run({"wait", "g99", "--for=unmapped"}), 3);
	EXPECT_EQ(run({"wait", "g99", "--for=ever"}), 2);
	EXPECT_EQ(err,
		"xen-iomemgrant: error: --for: 'ever' is not mapped, unmapped or gone [usage]\n");
}

TEST_F(Watching, a_grant_that_ends_while_it_is_waited_for)
{
	world.guests_cooperate();
	(void)world.grant("03:00.0/2@0+8K");
	const auto end = [&] {
		world.device().grants.clear();
		world.store().nodes = world.before;
	};
	then({end});
	EXPECT_EQ(run({"wait", "g17", "--for=gone"}), 0);
	EXPECT_EQ(out, "g17 is gone\n");

	world.guests_cooperate();
	(void)world.grant("03:00.0/2@0+8K");
	then({end});
	EXPECT_EQ(run({"wait", "g18", "--for=unmapped"}), 0);

	world.guests_sleep();
	(void)world.grant("03:00.0/2@0+8K", false);
	then({end});
	EXPECT_EQ(run({"wait", "g19", "--for=mapped"}), 3);
	EXPECT_EQ(err.substr(0, err.find('\n')),
		"xen-iomemgrant: error: g19 ended while it was waited for [no-grant]");
}

TEST_F(Watching, monitor_tells_each_change_once)
{
	(void)world.grant("03:00.0/2@0+8K", false);
	then({
		[] {},
		[&] { world.device().grants.front().nr_mapped = 2; },
		[] {},
		[&] { world.store().write("/local/domain/0/backend/iomem/5/17/state", "5"); },
		[&] {
			world.device().grants.clear();
			world.store().nodes = world.before;
		},
	});
	EXPECT_EQ(run({"--json", "monitor", "--timeout=5"}), 0);
	const auto events = lines();
	ASSERT_EQ(events.size(), 4U) << out;
	EXPECT_EQ(events[0]["schema"], "xen-iomemgrant/monitor/1");
	EXPECT_EQ(events[0]["event"], "present");
	EXPECT_EQ(events[0]["time"], "1970-01-02T00:00:00Z");
	EXPECT_TRUE(events[0]["was"].is_null());
	EXPECT_EQ(events[0]["grant"]["state"], "offered");
	EXPECT_EQ(events[1]["event"], "changed");
	EXPECT_EQ(events[1]["was"]["state"], "offered");
	EXPECT_EQ(events[1]["grant"]["state"], "mapped");
	EXPECT_EQ(events[2]["grant"]["state"], "revoking");
	EXPECT_EQ(events[3]["event"], "gone");
	EXPECT_EQ(events[3]["grant"]["id"], 17);
}

TEST_F(Watching, monitor_is_about_the_domain_it_is_asked_about)
{
	then({[&] {
		const auto guest = world.store().guest;
		(void)world.grant("03:00.0/2@0+8K", false);
	}});
	EXPECT_EQ(run({"monitor", "--domain=5", "--timeout=2"}), 0);
	EXPECT_EQ(out,
		"1970-01-02T00:00:00Z granted g17: 0000:03:00.0 BAR2 [0x0-0x1fff] 2 pages rw,uc -> "
		"web1 (d5)  offered 0/2\n");
	EXPECT_EQ(run({"monitor", "--domain=6", "--timeout=1"}), 0);
	EXPECT_EQ(out, "");
	EXPECT_EQ(run({"monitor", "--domain=nobody"}), 3);
	EXPECT_EQ(run({"-p", "monitor"}), 2);
}

TEST_F(Watching, an_interruption_is_how_monitor_ends)
{
	then({[] { throw Error(kind::interrupted, "interrupted"); }});
	EXPECT_EQ(run({"monitor"}), 0);
	(void)world.grant("03:00.0/2@0+8K", false);
	then({[] { throw Error(kind::interrupted, "interrupted"); }});
	EXPECT_EQ(run({"wait", "g17", "--for=mapped"}), 130);
}

TEST_F(Watching, a_device_that_goes_while_it_is_watched_is_missed)
{
	(void)world.grant("03:00.0/2@0+8K", false);
	then({[] {}, [&] { std::filesystem::remove_all(world.tree.root() / "0000:03:00.0"); }});
	EXPECT_EQ(run({"--json", "monitor", "--timeout=2"}), 0);
	const auto told = lines();
	ASSERT_EQ(told.size(), 2U) << out;
	EXPECT_EQ(told[0]["grant"]["device"]["present"], true);
	EXPECT_EQ(told[1]["event"], "changed");
	EXPECT_EQ(told[1]["grant"]["device"]["present"], false);
}

TEST_F(Watching, a_domain_is_followed_by_its_name_through_a_reboot)
{
	(void)world.grant("03:00.0/2@0+4K", false);
	then({[&] {
		world.destroy_guest(5);
		world.add_guest(9, "web1", "6f0c1d2e-0011-4000-8000-00163e000001");
		GrantOptions options;
		options.wait.reset();
		(void)Granter(world.host())
			.grant(DomainSpec::parse("web1"), {RegionSpec::parse("03:00.0/2@4K+4K")},
				options);
	}});
	EXPECT_EQ(run({"monitor", "--domain=web1", "--timeout=2"}), 0);
	// The old one has no name any more, and is told of all the same.
	EXPECT_NE(out.find("changed g17"), std::string::npos) << out;
	EXPECT_NE(out.find("granted g18"), std::string::npos) << out;
}
