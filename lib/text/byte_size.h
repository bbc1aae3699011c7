// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_BYTE_SIZE_H
#define IOMEMGRANT_BYTE_SIZE_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace iomemgrant
{

inline constexpr std::uint64_t page_size = 4096;

constexpr std::uint64_t page_round_down(std::uint64_t value)
{
	return value & ~(page_size - 1);
}

constexpr std::uint64_t page_round_up(std::uint64_t value)
{
	return page_round_down(value + page_size - 1);
}

/// Bytes: decimal, 0x-hexadecimal, or decimal with K, M or G (powers of 1024).  Nothing else, no
/// sign, no overflow.
std::optional<std::uint64_t> parse_byte_size(std::string_view text);

/// The shortest form parse_byte_size() reads back: "0", "4K", "1M", "16G", "100".
std::string format_byte_size(std::uint64_t bytes);

/// For sentences: "16 GiB", "4 KiB", "100 bytes".
std::string describe_byte_size(std::uint64_t bytes);

} // namespace iomemgrant

#endif
