// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_INTERRUPT_H
#define XEN_IOMEMGRANT_INTERRUPT_H

namespace iomemgrant
{

/// Turns SIGINT and SIGTERM into something a step can notice, so that what was begun is taken
/// back instead of cut off.  There is at most one, as long as the program has anything to decide:
/// after it the signals are ignored.
class Interrupt
{
public:
	Interrupt();
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
