// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/machine/interrupt.h"

#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

#include "lib/values/error.h"

using namespace iomemgrant;

namespace
{

// Ends the process with the status of what check() says.
[[noreturn]] void end_by(const Interrupt& interrupt)
{
	try {
		interrupt.check();
	} catch (const Error& error) {
		std::exit(error.kind().exit);
	}
	std::exit(0);
}

// Signals are the business of a whole process: each of these has one of its own.
class InterruptTest : public testing::Test
{
protected:
	// Whoever runs the tests may have been told to survive a hangup.
	void SetUp() override { (void)std::signal(SIGHUP, SIG_DFL); }
};

} // namespace

TEST_F(InterruptTest, each_of_the_three_signals_is_noticed)
{
	const auto take = [](int signal) {
		const Interrupt interrupt;
		(void)raise(signal);
		end_by(interrupt);
	};
	EXPECT_EXIT(take(SIGHUP), testing::ExitedWithCode(130), "");
	EXPECT_EXIT(take(SIGINT), testing::ExitedWithCode(130), "");
	EXPECT_EXIT(take(SIGTERM), testing::ExitedWithCode(130), "");
}

TEST_F(InterruptTest, a_second_signal_ends_the_process)
{
	const auto take = [](int first, int second) {
		const Interrupt interrupt(std::chrono::milliseconds(0));
		(void)raise(first);
		(void)raise(second);
		std::exit(0);
	};
	EXPECT_EXIT(take(SIGINT, SIGINT), testing::KilledBySignal(SIGINT), "");
	EXPECT_EXIT(take(SIGTERM, SIGHUP), testing::KilledBySignal(SIGHUP), "");
}

TEST_F(InterruptTest, signals_that_come_together_are_one)
{
	const auto take = [] {
		const Interrupt interrupt(std::chrono::hours(1));
		(void)raise(SIGHUP);
		(void)raise(SIGTERM);
		end_by(interrupt);
	};
	EXPECT_EXIT(take(), testing::ExitedWithCode(130), "");
}

TEST_F(InterruptTest, a_hangup_that_is_ignored_stays_ignored)
{
	const auto take = [] {
		(void)std::signal(SIGHUP, SIG_IGN);
		const Interrupt interrupt;
		(void)raise(SIGHUP);
		end_by(interrupt);
	};
	EXPECT_EXIT(take(), testing::ExitedWithCode(0), "");
}

TEST_F(InterruptTest, after_it_signals_change_nothing)
{
	const auto take = [] {
		{
			const Interrupt interrupt;
		}
		for (const int signal : {SIGHUP, SIGINT, SIGTERM})
			(void)raise(signal);
		std::exit(0);
	};
	EXPECT_EXIT(take(), testing::ExitedWithCode(0), "");
}
