// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_ALLOW_H
#define IOMEMGRANT_ALLOW_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/values/error.h"

namespace iomemgrant
{

/// A safety check the user may override by name.  The name of a class is the slug of the refusal
/// it lifts.
enum class AllowClass {
	driver_bound,
	dma_capable,
	msix_table, ///< lifts nothing as long as there are no read-only grants
	shared_page,
	critical_device,
	config_mirror,
	decode_off,
	overlap,
};

std::string_view to_string(AllowClass allow);
/// The class that lifts refusals of this kind.  Absent when none does.
std::optional<AllowClass> override_of(ErrorKind refusal);

/// A set of overrides.
class AllowSet
{
public:
	AllowSet() = default;

	/// A comma list of class names; throws Error bad-class.
	static AllowSet parse(std::string_view text);

	/// Every class there is.
	static AllowSet all();

	void add(AllowClass allow) { bits_ |= bit(allow); }
	void add(const AllowSet& other) { bits_ |= other.bits_; }
	bool has(AllowClass allow) const { return bits_ & bit(allow); }
	bool empty() const { return !bits_; }
	std::vector<std::string> names() const;

	friend bool operator==(const AllowSet&, const AllowSet&) = default;

private:
	static std::uint32_t bit(AllowClass allow) { return 1U << static_cast<unsigned>(allow); }

	std::uint32_t bits_ = 0;
};

} // namespace iomemgrant

#endif
