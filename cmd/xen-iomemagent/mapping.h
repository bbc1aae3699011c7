// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_MAPPING_H
#define XEN_IOMEMAGENT_MAPPING_H

#include <cstddef>
#include <cstdint>

#include "cmd/xen-iomemagent/mapped_grant.h"
#include "lib/values/lockdown.h"

namespace iomemgrant::agent
{

/// How many bits one access to a register moves.
enum class Width : unsigned { bits8 = 8, bits16 = 16, bits32 = 32, bits64 = 64 };

constexpr unsigned bytes(Width width)
{
	return static_cast<unsigned>(width) / 8;
}

/// Some bytes of a grant.
struct ByteRange {
	std::uint64_t offset = 0;
	std::uint64_t length = 0;
};

/// Throws Error unaligned, empty-range or range-past-end unless @range is whole registers of
/// @width inside @grant.
void check_range(const MappedGrant& grant, const ByteRange& range, Width width);

/// Why the node of @grant cannot be opened or mapped: Error revoked, permission or io-error.
Error cannot_open(int errnum, const MappedGrant& grant, const Lockdown& lockdown);

/// Opens the node of @grant and returns the descriptor, which is closed on exec.  Throws Error
/// revoked when the node is gone, permission, or io-error.
int open_node(const MappedGrant& grant, Access access);

/// Maps a part of a grant's node for register access.  Not for memory: every access is exactly one
/// load or store of the stated width.
class Mapping
{
public:
	/// Throws what open_node() throws.
	Mapping(const MappedGrant& grant, const ByteRange& range, Access access);
	~Mapping();

	Mapping(const Mapping&) = delete;
	Mapping& operator=(const Mapping&) = delete;

	/// @offset counts from the start of the grant, inside the range, a multiple of the width.
	/// Throws Error revoked when the page has been taken away.
	std::uint64_t read(std::uint64_t offset, Width width) const;
	void write(std::uint64_t offset, Width width, std::uint64_t value);

private:
	[[noreturn]] void throw_revoked(std::uint64_t offset) const;
	std::byte* at(std::uint64_t offset) const;

	std::string name_;
	std::uint64_t start_ = 0;
	std::size_t size_ = 0;
	std::byte* pages_ = nullptr;
};

} // namespace iomemgrant::agent

#endif
