// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_ACCESS_H
#define XEN_IOMEMAGENT_ACCESS_H

#include <string>
#include <vector>

#include "cmd/xen-iomemagent/mapping.h"

namespace iomemgrant
{
struct Syntax;
}

namespace iomemgrant::agent
{

// Options and checks that `read`, `write` and `dump` share.

/// Declares --width on @verb.
void add_width_option(Syntax& verb, std::string& bits);

/// Reads the value of --width; throws Error usage.
Width parse_width(const std::string& bits);

/// An offset or length the user typed; throws Error bad-size naming @what.
std::uint64_t parse_bytes(const char* what, const std::string& text);

/// Reads each register of @range once, in order.
std::vector<std::uint64_t> read_registers(
	const MappedGrant& grant, const ByteRange& range, Width width);

/// "0x00ed" for 16 bits: as many digits as the register has.
std::string format_value(std::uint64_t value, Width width);

} // namespace iomemgrant::agent

#endif
