// SPDX-License-Identifier: GPL-2.0-or-later
#include "interrupt.h"

#include <cerrno>
#include <csignal>
#include <cstdint>

#include <sys/eventfd.h>
#include <unistd.h>

#include <iomemgrant/error.h>

namespace iomemgrant
{

namespace
{

int signal_fd = -1;

void on_signal(int)
{
	const int saved = errno;
	const std::uint64_t one = 1;
	// Cannot fail but by overflow, and then it is readable already.
	(void)!write(signal_fd, &one, sizeof(one));
	errno = saved;
}

} // namespace

Interrupt::Interrupt() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
	if (fd_ < 0)
		throw Error::from_errno(errno, "make an event file descriptor");
	signal_fd = fd_;
	struct sigaction action {
	};
	action.sa_handler = on_signal;
	sigaction(SIGINT, &action, nullptr);
	sigaction(SIGTERM, &action, nullptr);
}

Interrupt::~Interrupt()
{
	// What was decided stays decided: dying of a signal now would say "interrupted" of a grant
	// that was made and reported.
	std::signal(SIGINT, SIG_IGN);
	std::signal(SIGTERM, SIG_IGN);
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
