// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PCI_DEVICE_H
#define IOMEMGRANT_PCI_DEVICE_H

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <iomemgrant/byte_size.h>
#include <iomemgrant/grant.h>
#include <iomemgrant/sbdf.h>

namespace iomemgrant
{

/// One base address register of a device.
struct Bar {
	enum class Kind { none, memory, io, upper_half };

	unsigned index = 0;
	Kind kind = Kind::none;
	std::uint64_t address = 0;
	std::uint64_t size = 0;
	bool is_64bit = false;
	bool prefetchable = false;
	/// Firmware and kernel gave it no address.
	bool unassigned = false;

	/// Bytes of the whole pages it lies in; what offsets of a grant are measured in.
	std::uint64_t window_size() const
	{
		return page_round_up(address + size) - page_round_down(address);
	}
	std::uint64_t window() const { return page_round_down(address); }
};

/// Part of a BAR that a capability says is special.
struct MsixPart {
	unsigned bar = 0;
	std::uint64_t offset = 0;
	std::uint64_t length = 0;
	std::string what; ///< "MSI-X table", "MSI-X pending bits"
};

/// A PCI function as sysfs shows it at one moment.
struct PciDevice {
	Sbdf sbdf;
	DeviceId id;
	std::uint32_t class_code = 0; ///< 24 bits: base class, sub-class, interface
	std::string driver;           ///< empty: none
	std::string power_state;      ///< "D0", "D3hot"; "unknown"
	bool memory_decoding = false;
	bool bus_master = false;
	std::optional<unsigned> iommu_group;
	std::array<Bar, 6> bars;
	std::vector<MsixPart> msix;

	/// A driver that may touch the registers; pciback, pci-stub and vfio-pci keep off.
	bool has_active_driver() const;
	std::vector<unsigned> memory_bars() const;
};

/// The PCI functions below a sysfs directory.
class PciBus
{
public:
	explicit PciBus(std::filesystem::path root = "/sys/bus/pci/devices") : root_(std::move(root)) {}

	/// All functions there are, in order.
	std::vector<Sbdf> devices() const;
	/// Absent: no such function.  Throws Error io-error when sysfs cannot be understood.
	std::optional<PciDevice> device(Sbdf sbdf) const;
	bool present(Sbdf sbdf) const;
	/// Only the BARs; cheaper when all devices have to be looked at.
	std::array<Bar, 6> bars(Sbdf sbdf) const;
	/// An address that differs from @sbdf in one digit and exists.
	std::optional<Sbdf> similar(Sbdf sbdf) const;

private:
	std::filesystem::path root_;
};

} // namespace iomemgrant

#endif
