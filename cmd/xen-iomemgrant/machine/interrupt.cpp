// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/machine/interrupt.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

constexpr int signals[] = {SIGHUP, SIGINT, SIGTERM};

// State of the signal handler.
int signal_fd = -1;
std::int64_t burst_ms = 0;
std::atomic<std::int64_t> first_ms = 0; // when the first signal came, or 0
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

std::int64_t monotonic_ms()
{
	timespec now{};
	clock_gettime(CLOCK_MONOTONIC, &now);
	return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

void on_signal(int signal)
{
	const int saved = errno;
	const auto now = monotonic_ms();
	if (const auto first = first_ms.load(); !first) {
		first_ms = now;
		const std::uint64_t one = 1;
		// Cannot fail but by overflow, and then it is readable already.
		(void)!write(signal_fd, &one, sizeof(one));
	} else if (now - first >= burst_ms) {
		// The user asks again because the command does not end: a guest may take its time
		// to give back what is rolled back, and the module may wait for the kernel.
		(void)std::signal(signal, SIG_DFL);
		(void)raise(signal); // takes effect when this returns
	}
	errno = saved;
}

// A SIGHUP that nohup(1) has set to be ignored stays so.  A shell sets SIGINT so as well for a
// command in the background, but a user who sends that one means it.
bool is_kept_ignored(int signal)
{
	struct sigaction before {
	};
	sigaction(signal, nullptr, &before);
	return signal == SIGHUP && before.sa_handler == SIG_IGN;
}

} // namespace

Interrupt::Interrupt(std::chrono::milliseconds burst) : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
	if (fd_ < 0)
		throw Error::from_errno(errno, "make an event file descriptor");
	signal_fd = fd_;
	burst_ms = burst.count();
	first_ms = 0;
	struct sigaction action {
	};
	action.sa_handler = on_signal;
	sigemptyset(&action.sa_mask);
	for (const int signal : signals)
		sigaddset(&action.sa_mask, signal);
	for (const int signal : signals) {
		if (!is_kept_ignored(signal))
			sigaction(signal, &action, nullptr);
	}
}

Interrupt::~Interrupt()
{
	// Ignore signals from here on: the result has been reported, and status 130 would
	// contradict it.
	for (const int signal : signals)
		(void)std::signal(signal, SIG_IGN);
	signal_fd = -1;
	(void)close(fd_); // nothing is lost with it
}

void Interrupt::check() const
{
	std::uint64_t count = 0;
	if (read(fd_, &count, sizeof(count)) == sizeof(count))
		throw Error(kind::interrupted, "interrupted");
}

} // namespace iomemgrant
