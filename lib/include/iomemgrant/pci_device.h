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

#include <iomemgrant/grant.h>
#include <iomemgrant/sbdf.h>

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

/// What the resource file of a device says.
struct PciResources {
	std::array<PciBar, 6> bars;
	/// The expansion ROM; its index is 6.
	PciBar rom;
};

/// A part of a BAR that belongs to MSI-X.
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
	bool boot_vga = false;
	PciResources resources;
	/// False when the capability list could not be read to its end; then msix says nothing.
	bool capabilities_known = false;
	std::optional<Msix> msix;

	/// A driver that may touch the registers; one that only holds the device for a guest does
	/// not.
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
};

/// The PCI devices of this domain.  A snapshot: each file is read when first asked for, and never
/// again before forget().
class PciDevices
{
public:
	explicit PciDevices(std::filesystem::path root = "/sys/bus/pci/devices");

	/// Begins a new snapshot.
	void forget() { *this = PciDevices(root_); }

	/// Addresses of all devices, sorted.
	const std::vector<Sbdf>& addresses() const;
	bool contains(const Sbdf& sbdf) const;
	/// All devices, sorted by address.
	std::vector<PciDevice> all() const;
	/// Throws Error no-device.
	const PciDevice& read(const Sbdf& sbdf) const;
	/// What the device there is; leaves a sleeping one asleep.  Absent when there is none.
	std::optional<DeviceId> identity(const Sbdf& sbdf) const;
	/// The resource file alone: leaves a sleeping device asleep.  Throws Error no-device.
	const PciResources& resources(const Sbdf& sbdf) const;
	/// All BARs and ROMs that have an address, by device.  Reads every resource file.
	const std::vector<PciPages>& pages() const;

	/// Turns memory decoding off: from now on reads of any BAR give ones or zeros, and writes
	/// are lost, of all domains.  Throws Error no-device, permission, method-unsupported for a
	/// virtual function, or io-error when the device does not listen.
	void disable_memory(const Sbdf& sbdf);

private:
	void require(const Sbdf& sbdf) const;
	const PciDevice& uevent(const Sbdf& sbdf) const;

	std::filesystem::path root_;
	mutable std::optional<std::vector<Sbdf>> addresses_;
	mutable std::map<Sbdf, PciResources> resources_;
	mutable std::map<Sbdf, PciDevice> uevents_;
	mutable std::map<Sbdf, PciDevice> devices_;
	mutable std::optional<std::vector<PciPages>> pages_;
};

} // namespace iomemgrant

#endif
