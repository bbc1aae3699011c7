// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_POLICY_H
#define IOMEMGRANT_POLICY_H

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "lib/pci/pci_device.h"
#include "lib/values/allow.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// The file of this machine; xen-iomemgrant.toml(5) describes it.
inline constexpr auto system_policy_file = "/etc/xen/iomemgrant.toml";

/// Which devices a rule is about: those that match all that is given.
struct DeviceMatch {
	/// The leading digits of a class code: base class, sub-class, interface.
	struct ClassCode {
		std::uint32_t value = 0;
		unsigned digits = 0; ///< 2, 4 or 6
	};

	std::optional<Sbdf> device;
	std::optional<std::uint16_t> vendor;
	std::optional<std::uint16_t> device_id;
	std::optional<ClassCode> class_code;

	bool empty() const { return !device && !vendor && !class_code; }
	bool matches(const PciDevice& found) const;
};

/// The administrator's rules for the devices of this machine.  Of several files each
/// can forbid what the others let be granted, and none can permit what another forbids.
class Policy
{
public:
	/// Adds the rules of a file.  Throws Error bad-policy naming file, line and column.
	void add_file(const std::filesystem::path& path);

	/// Why this device is not to be granted, if so: Error policy-denied.  Nothing lifts it.
	std::optional<Error> denial(const PciDevice& device) const;
	/// Checks that need not be overridden by name for this device.
	AllowSet overrides(const PciDevice& device) const;

	/// For `doctor`.
	const std::vector<std::string>& files() const { return files_; }
	std::size_t nr_rules() const;

private:
	struct Deny {
		DeviceMatch match;
		std::string reason;
		std::string place;
	};
	/// A device must be in each list.
	struct AllowList {
		std::string file;
		std::vector<DeviceMatch> matches;
	};
	struct Override {
		DeviceMatch match;
		AllowSet classes;
	};

	std::vector<std::string> files_;
	std::vector<Deny> denied_;
	std::vector<AllowList> allowed_;
	std::vector<Override> overrides_;
};

} // namespace iomemgrant

#endif
