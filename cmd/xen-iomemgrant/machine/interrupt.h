// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_INTERRUPT_H
#define XEN_IOMEMGRANT_INTERRUPT_H

#include <chrono>

namespace iomemgrant
{

/// Turns SIGHUP, SIGINT and SIGTERM into something a step can notice, so that what was begun is
/// taken back instead of cut off.  A second one ends the process as if there were no Interrupt:
/// taking back may hang as well.  There is at most one, as long as the program has anything to
/// decide: after it the signals are ignored.
class Interrupt
{
public:
	/// timeout(1) sends its signal twice, and a terminal that goes away is told by the kernel
	/// and by the shell: what comes within @burst of the first is part of it.
	explicit Interrupt(std::chrono::milliseconds burst = std::chrono::milliseconds(250));
	Interrupt(const Interrupt&) = delete;
	Interrupt& operator=(const Interrupt&) = delete;
	~Interrupt();

	/// Readable after a signal; reading takes the signal away.
	int fd() const { return fd_; }
	/// Throws Error interrupted after a signal.
	void check() const;

private:
	int fd_;
};

} // namespace iomemgrant

#endif
