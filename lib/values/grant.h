// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_H
#define IOMEMGRANT_GRANT_H

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/values/allow.h"
#include "lib/values/domid.h"
#include "lib/values/error.h"
#include "lib/values/label.h"
#include "lib/values/region.h"

namespace iomemgrant
{

/// Names a grant until the machine reboots.  The number of its device in XenStore is the same,
/// unless another device of the guest has that number.  Printed "g17".
class GrantId
{
public:
	constexpr explicit GrantId(std::uint64_t value) : value_(value) {}

	/// Accepts "17" and "g17"; strict otherwise.
	static std::optional<GrantId> parse(std::string_view text);
	/// As parse(), but throws Error bad-grant-id.
	static GrantId from_user(std::string_view text);

	constexpr std::uint64_t value() const { return value_; }
	/// "g17"
	std::string str() const;

	friend constexpr auto operator<=>(GrantId, GrantId) = default;

private:
	std::uint64_t value_;
};

/// Consecutive grant references.
struct RefRange {
	std::uint32_t first = 0;
	std::uint32_t count = 0;

	friend bool operator==(const RefRange&, const RefRange&) = default;
};

enum class Access { read_only, read_write };
std::string_view to_string(Access access); // "ro", "rw"

enum class Cache { uncached, write_combining };
std::string_view to_string(Cache cache); // "uc", "wc"

/// Throws Error cache-wb for anything Xen does not allow for device memory, and usage otherwise.
Cache parse_cache(std::string_view text);

/// Arguments of the module's GRANT call.
struct GrantRequest {
	Domid domid{0};
	Region region;
	AllowSet allow = {};
	/// The id of the grant is larger than this one.
	GrantId min_id{0};
	/// How the guest is told to map the pages.
	Cache cache = Cache::uncached;
	std::optional<Label> label = std::nullopt;
};

/// PCI identity of a device.
struct DeviceId {
	std::uint16_t vendor = 0;
	std::uint16_t device = 0;
	std::uint16_t subsystem_vendor = 0;
	std::uint16_t subsystem_device = 0;

	/// "8086:1572", or "8086:1572 (subsystem 1af4:1100)".
	std::string str() const;

	friend bool operator==(const DeviceId&, const DeviceId&) = default;
};

/// A grant as the kernel module knows it.
struct Grant {
	enum class State { live, ending, lost };

	/// Why a grant is lost.
	enum class LostReason { device_gone, moved, driver_left, driver_came, assigned };

	/// Changes since the grant was made, as the module saw them at its last look.
	struct Changes {
		bool bus_master = false;   ///< the device may do DMA now, and nothing allows it
		bool decode_off = false;   ///< the device does not answer at its addresses
		bool not_d0 = false;       ///< the device sleeps
		bool bar_register = false; ///< the BAR's register has another address
		bool mappable = false;     ///< the grant is ending, and can be mapped again

		/// "bus-master", "decode-off" and so on, as sysfs and XenStore name them.
		std::vector<std::string_view> names() const;
		/// Reads such names, separated by commas; one that is not known is left out.
		static Changes parse(std::string_view text);

		friend bool operator==(const Changes&, const Changes&) = default;
	};

	GrantId id{0};
	Domid domid{0};
	Uuid uuid;
	Region region;
	State state = State::live;
	RefRange refs;
	/// Machine address of the first byte.
	std::uint64_t address = 0;
	/// References Xen says are mapped now; absent when this domain cannot see that.
	std::optional<std::uint32_t> nr_mapped;
	DeviceId device_id;
	bool persistent = false;
	AllowSet allow;
	std::uint32_t uid = 0;
	std::chrono::sys_time<std::chrono::nanoseconds> created;
	/// Time since the grant was made; no setting of the clock changes it.
	std::chrono::nanoseconds age{0};
	/// Absent while the grant is not lost.
	std::optional<LostReason> lost_reason;
	Changes changes;
	Cache cache = Cache::uncached;
	std::optional<Label> label;
};

/// Puts into words what the module saw change under a grant; empty when it saw nothing.
std::string describe(const Grant::Changes& changes);
/// The kind of error that `grant` would end with for a device in this state.
ErrorKind kind_of(const Grant::Changes& changes);

/// "device-gone", "moved" and so on, as sysfs names them.
std::string_view to_string(Grant::LostReason reason);

} // namespace iomemgrant

#endif
