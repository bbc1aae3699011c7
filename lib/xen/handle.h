// SPDX-License-Identifier: LGPL-2.1-or-later
// Owners of what the C libraries hand out.  Each source says which handle it needs with its own
// Releaser alias, so that no source sees the headers of another's library.
#ifndef IOMEMGRANT_XEN_HANDLE_H
#define IOMEMGRANT_XEN_HANDLE_H

#include <cstdlib>
#include <memory>
#include <utility>

#include <unistd.h>

namespace iomemgrant
{

template <auto Release>
struct Releaser {
	void operator()(auto* p) const noexcept { (void)Release(p); }
};

/// Memory from malloc(), which free() takes.
template <typename T>
using Malloced = std::unique_ptr<T, Releaser<::free>>;

/// A file descriptor.
class UniqueFd
{
public:
	UniqueFd() = default;
	explicit UniqueFd(int fd) : fd_(fd) {}
	UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
	UniqueFd& operator=(UniqueFd&& other) noexcept
	{
		std::swap(fd_, other.fd_);
		return *this;
	}
	~UniqueFd()
	{
		if (fd_ >= 0)
			(void)::close(fd_); // nothing was written through it
	}

	int get() const { return fd_; }

private:
	int fd_ = -1;
};

} // namespace iomemgrant

#endif
