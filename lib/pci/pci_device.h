// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PCI_DEVICE_H
#define IOMEMGRANT_PCI_DEVICE_H

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/values/grant.h"
#include "lib/values/sbdf.h"

namespace iomemgrant
{

/// One base address register, as Linux assigned it.
struct PciBar {
	enum class Type { absent, memory, io, upper_half };

	unsigned index = 0;
	Type type = Type::absent;
	std::uint64_t address = 0;
	std::uint64_t size = 0;
	bool is_64bit = false;
	bool prefetchable = false;
	bool unassigned = false;

	bool is_memory() const { return type == Type::memory; }
	/// Whether it is at an address where it can be accessed.
	bool usable() const { return is_memory() && !unassigned; }
	/// Pages it touches; more than its size has where it does not begin or end at one.
	std::uint64_t first_page() const;
	std::uint64_t end_page() const;
	std::uint64_t nr_pages() const;

	friend bool operator==(const PciBar&, const PciBar&) = default;
};

/// Contents of the resource file of a device.
struct PciResources {
	std::array<PciBar, 6> bars;
	/// The expansion ROM; its index is 6.
	PciBar rom;
};

/// A part of a BAR that belongs to MSI-X.  Any number may stand in @bar, for a broken device may
/// name a BAR that does not exist.
struct MsixRange {
	unsigned bar = 0;
	std::uint64_t offset = 0;
	std::uint64_t length = 0;

	friend bool operator==(const MsixRange&, const MsixRange&) = default;
};

struct Msix {
	MsixRange table;
	MsixRange pending;
};

/// By index, addresses in base address registers that Linux has no BAR for: it gave them up, the
/// device did not.
using GivenUpBars = std::array<std::optional<std::uint64_t>, 6>;

/// How much of a device's configuration space makes sense.
enum class ConfigState {
	unread, ///< only its first 64 bytes could be read, or nothing
	silent, ///< the device answers every read with ones
	broken, ///< its list of capabilities does not end, or leads out of where it may be
	complete,
};

struct PciDevice {
	Sbdf sbdf;
	DeviceId id;
	/// Base class, sub-class, interface: 0x010802.
	std::uint32_t class_code = 0;
	std::optional<std::string> driver;
	/// "D0", "D3hot", ... or "unknown".
	std::string power_state;
	std::optional<unsigned> iommu_group;
	bool memory_decode = false;
	bool bus_master = false;
	bool is_virtual_function = false;
	/// Of a virtual function: the device that decodes memory for it.
	std::optional<Sbdf> physical_function;
	bool boot_vga = false;
	/// It is on a root bus: a part of the chipset, or plugged into it directly.
	bool on_root_bus = false;
	/// Linux has made a bus below it without its being a bridge: registers of other devices
	/// are seen through its BARs.
	bool has_bus = false;
	PciResources resources;
	/// Unless complete, msix says nothing.
	ConfigState config = ConfigState::unread;
	std::optional<Msix> msix;
	GivenUpBars given_up;

	/// "D1" to "D3cold": it may not answer.
	bool asleep() const;
	/// A driver that may touch the registers, or let user space touch them; one that only holds
	/// the device for a guest does not.
	bool has_active_driver() const;
	std::vector<unsigned> memory_bars() const;
	const PciBar& bar(unsigned index) const { return resources.bars.at(index); }
};

/// Pages that registers lie in, and whose.
struct PciPages {
	Sbdf sbdf;
	unsigned bar = 0; ///< 6: the ROM
	std::uint64_t first_page = 0;
	std::uint64_t end_page = 0;
	/// A register says so, Linux does not: the end is as far as the BAR can reach at most.
	bool given_up = false;
};

/// A part of a device's BAR that something in this domain has reserved.
struct PciClaim {
	std::uint64_t first = 0;
	std::uint64_t end = 0;
	std::string owner;
};

/// The PCI devices of this domain.  A snapshot: each file is read when first asked for, and never
/// again before forget().  A device that goes while it is looked at is not there.
class PciDevices
{
public:
	/// Those of this machine.
	PciDevices() : PciDevices("/sys/bus/pci/devices", "/proc/iomem") {}
	/// Those of a folder like /sys/bus/pci/devices, whose file `iomem` is like /proc/iomem.
	explicit PciDevices(const std::filesystem::path& root) : PciDevices(root, root / "iomem") {}

	/// Begins a new snapshot.
	void forget() { *this = PciDevices(root_, iomem_); }

	/// Addresses of all devices, sorted.
	const std::vector<Sbdf>& addresses() const;
	bool contains(const Sbdf& sbdf) const;
	/// All devices, sorted by address.
	std::vector<PciDevice> all() const;
	/// Throws Error no-device.
	const PciDevice& read(const Sbdf& sbdf) const;
	/// The ids of the device at @sbdf; leaves a sleeping one asleep.  Absent when there is
	/// none.
	std::optional<DeviceId> identity(const Sbdf& sbdf) const;
	/// The resource file alone: leaves a sleeping device asleep.  Throws Error no-device.
	const PciResources& resources(const Sbdf& sbdf) const;
	/// All BARs and ROMs that have an address, by device.  Reads every resource file, and the
	/// configuration space of devices in D0.
	const std::vector<PciPages>& pages() const;
	/// The reservations in the BARs of @sbdf, without those of our module.  Empty for a user
	/// who may not see addresses.
	std::vector<PciClaim> claims(const Sbdf& sbdf) const;

	/// Turns memory decoding off: from now on reads of any BAR give ones or zeros, and writes
	/// are lost, of all domains.  Throws Error no-device, permission, method-unsupported for a
	/// virtual function, or io-error when the device does not listen.
	void disable_memory(const Sbdf& sbdf);

private:
	PciDevices(std::filesystem::path root, std::filesystem::path iomem);

	void require(const Sbdf& sbdf) const;
	[[noreturn]] void absent(const Sbdf& sbdf) const;
	const PciDevice& uevent(const Sbdf& sbdf) const;
	const std::string& config(const Sbdf& sbdf) const;
	std::string power_state(const Sbdf& sbdf) const;
	void read_places(PciDevice& device) const;
	bool decodes_for_functions(const Sbdf& sbdf) const;
	void add_given_up(const Sbdf& sbdf, std::vector<PciPages>& found) const;

	std::filesystem::path root_;
	std::filesystem::path iomem_;
	mutable std::optional<std::vector<Sbdf>> addresses_;
	mutable std::map<Sbdf, PciResources> resources_;
	mutable std::map<Sbdf, PciDevice> uevents_;
	mutable std::map<Sbdf, std::string> configs_;
	mutable std::map<Sbdf, std::string> power_states_;
	mutable std::map<Sbdf, bool> functions_decode_;
	mutable std::optional<std::multimap<Sbdf, PciClaim>> claims_;
	mutable std::map<Sbdf, PciDevice> devices_;
	mutable std::optional<std::vector<PciPages>> pages_;
};

} // namespace iomemgrant

#endif
