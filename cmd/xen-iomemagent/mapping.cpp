// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/mapping.h"

#include <cassert>
#include <cerrno>
#include <csetjmp>
#include <csignal>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "lib/text/byte_size.h"

namespace iomemgrant::agent
{

namespace
{

// The page may be taken away between any two instructions, so there is no asking first: the access
// itself is tried, and SIGBUS brings us back.  No object with a destructor lives across the jump.
sigjmp_buf landing;

extern "C" void land(int)
{
	siglongjmp(landing, 1);
}

// Catches SIGBUS while it lives.
class BusErrorTrap
{
public:
	BusErrorTrap()
	{
		struct sigaction action = {};
		action.sa_handler = land;
		// The jump skips the return that would unblock the signal.
		action.sa_flags = SA_NODEFER;
		sigaction(SIGBUS, &action, &before_);
	}
	~BusErrorTrap() { sigaction(SIGBUS, &before_, nullptr); }

	BusErrorTrap(const BusErrorTrap&) = delete;
	BusErrorTrap& operator=(const BusErrorTrap&) = delete;

private:
	struct sigaction before_ = {};
};

template <typename Register>
std::uint64_t load(const std::byte* address)
{
	return *reinterpret_cast<const volatile Register*>(address);
}

template <typename Register>
void store(std::byte* address, std::uint64_t value)
{
	*reinterpret_cast<volatile Register*>(address) = static_cast<Register>(value);
}

bool try_load(const std::byte* address, Width width, std::uint64_t& value)
{
	if (sigsetjmp(landing, 0))
		return false;
	switch (width) {
	case Width::bits8:
		value = load<std::uint8_t>(address);
		break;
	case Width::bits16:
		value = load<std::uint16_t>(address);
		break;
	case Width::bits32:
		value = load<std::uint32_t>(address);
		break;
	case Width::bits64:
		value = load<std::uint64_t>(address);
		break;
	}
	return true;
}

bool try_store(std::byte* address, Width width, std::uint64_t value)
{
	if (sigsetjmp(landing, 0))
		return false;
	switch (width) {
	case Width::bits8:
		store<std::uint8_t>(address, value);
		break;
	case Width::bits16:
		store<std::uint16_t>(address, value);
		break;
	case Width::bits32:
		store<std::uint32_t>(address, value);
		break;
	case Width::bits64:
		store<std::uint64_t>(address, value);
		break;
	}
	return true;
}

} // namespace

Error cannot_open(int errnum, const MappedGrant& grant, const Lockdown& lockdown)
{
	const auto path = grant.node->string();
	switch (errnum) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return {kind::revoked,
			fmt::format("{} has been revoked: {} is gone", grant.name(), path)};
	case EPERM:
		if (lockdown.active())
			return {iomemgrant::kind::permission,
				fmt::format("{}: {} and lets no program reach device memory", path,
					lockdown.describe()),
				lockdown.remedy()};
		[[fallthrough]];
	case EACCES:
		return {iomemgrant::kind::permission, fmt::format("{}: permission denied", path),
			"run as root"};
	default:
		return Error::from_errno(errnum, path);
	}
}

void check_range(const MappedGrant& grant, const ByteRange& range, Width width)
{
	const auto check_multiple = [&](const char* what, std::uint64_t value) {
		if (value % bytes(width))
			throw Error(iomemgrant::kind::unaligned,
				fmt::format("{} {:#x} is not a multiple of {} (width {})", what,
					value, bytes(width), static_cast<unsigned>(width)));
	};
	if (!range.length)
		throw Error(iomemgrant::kind::empty_range,
			fmt::format(
				"length must be at least one register ({} bytes)", bytes(width)));
	check_multiple("offset", range.offset);
	check_multiple("length", range.length);
	if (range.offset > grant.length || range.length > grant.length - range.offset)
		throw Error(iomemgrant::kind::range_past_end,
			fmt::format("{:#x}+{:#x} ends past the {:#x} bytes of {}", range.offset,
				range.length, grant.length, grant.name()));
}

int open_node(const MappedGrant& grant, Access access)
{
	assert(grant.node);
	const int fd = open(grant.node->c_str(),
		(access == Access::read_write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	const int errnum = errno;
	if (fd < 0)
		throw cannot_open(errnum, grant, Lockdown::read());
	return fd;
}

Mapping::Mapping(const MappedGrant& grant, const ByteRange& range, Access access)
	: name_(grant.name()), start_(page_round_down(range.offset)),
	  size_(page_round_up(range.offset + range.length) - start_)
{
	const bool writable = access == Access::read_write;
	const int fd = open_node(grant, access);
	void* pages = mmap(nullptr, size_, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		MAP_SHARED, fd, static_cast<off_t>(start_));
	const int errnum = errno;
	close(fd);
	if (pages == MAP_FAILED)
		throw cannot_open(errnum, grant, Lockdown::read());
	pages_ = static_cast<std::byte*>(pages);
}

Mapping::~Mapping()
{
	munmap(pages_, size_);
}

std::byte* Mapping::at(std::uint64_t offset) const
{
	assert(offset >= start_ && offset - start_ < size_);
	return pages_ + (offset - start_);
}

std::uint64_t Mapping::read(std::uint64_t offset, Width width) const
{
	const BusErrorTrap trap;
	std::uint64_t value = 0;
	if (!try_load(at(offset), width, value))
		throw_revoked(offset);
	return value;
}

void Mapping::write(std::uint64_t offset, Width width, std::uint64_t value)
{
	const BusErrorTrap trap;
	if (!try_store(at(offset), width, value))
		throw_revoked(offset);
}

void Mapping::throw_revoked(std::uint64_t offset) const
{
	throw Error(kind::revoked,
		fmt::format("{} was taken away before the access at {:#x}", name_, offset),
		"the granter has revoked it, or the device is gone");
}

} // namespace iomemgrant::agent
