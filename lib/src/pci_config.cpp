// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pci_config.h"

#include <bitset>

namespace iomemgrant
{

namespace
{

// PCI Local Bus Specification 3.0, chapter 6.
constexpr std::size_t command_offset = 0x04;
constexpr std::uint32_t command_memory = 0x2;
constexpr std::uint32_t command_master = 0x4;
constexpr std::size_t status_offset = 0x06;
constexpr std::uint32_t status_capabilities = 0x10;
constexpr std::size_t header_type_offset = 0x0e;
constexpr std::uint32_t header_cardbus = 2;
constexpr std::size_t capabilities_offset = 0x34;
constexpr std::size_t cardbus_capabilities_offset = 0x14;
constexpr std::uint32_t capability_msix = 0x11;
constexpr std::size_t config_size = 256;

class Config
{
public:
	explicit Config(std::string_view bytes) : bytes_(bytes.substr(0, config_size)) {}

	bool has(std::size_t offset, std::size_t length) const
	{
		return offset + length <= bytes_.size();
	}
	/// Little-endian; what could not be read is zero.
	std::uint32_t get(std::size_t offset, std::size_t length) const
	{
		std::uint32_t value = 0;
		for (std::size_t i = 0; has(offset, length) && i < length; i++)
			value |= std::uint32_t{static_cast<unsigned char>(bytes_[offset + i])}
				 << (8 * i);
		return value;
	}
	/// A device that is off or gone answers every read with ones.
	bool answers() const { return has(0, 64) && get(command_offset, 4) != 0xffffffff; }

private:
	std::string_view bytes_;
};

MsixRange msix_range(std::uint32_t where, std::uint64_t length)
{
	return {where & 7, where & ~7U, length};
}

Msix read_msix(const Config& config, std::size_t at)
{
	const std::uint64_t vectors = (config.get(at + 2, 2) & 0x7ff) + 1;
	return {msix_range(config.get(at + 4, 4), vectors * 16),
		msix_range(config.get(at + 8, 4), (vectors + 63) / 64 * 8)};
}

void walk_capabilities(const Config& config, PciDevice& device)
{
	if (!(config.get(status_offset, 2) & status_capabilities)) {
		device.capabilities_known = true;
		return;
	}
	const auto type = config.get(header_type_offset, 1) & 0x7f;
	std::size_t at = config.get(
		type == header_cardbus ? cardbus_capabilities_offset : capabilities_offset, 1);
	// A list may be a ring: each place is visited once.
	std::bitset<config_size> seen;
	for (at &= ~std::size_t{3}; at; at = config.get(at + 1, 1) & ~std::size_t{3}) {
		// Without privilege Linux shows the first 64 bytes only.
		if (at < 64 || !config.has(at, 2) || seen[at])
			return;
		seen[at] = true;
		if (config.get(at, 1) != capability_msix)
			continue;
		if (!config.has(at, 12))
			return;
		device.msix = read_msix(config, at);
	}
	device.capabilities_known = true;
}

} // namespace

void read_config(std::string_view bytes, PciDevice& device)
{
	const Config config(bytes);
	if (!config.answers())
		return;
	const auto command = config.get(command_offset, 2);
	// In a virtual function the bit is zero by specification: the physical one decodes for it.
	device.memory_decode = device.is_virtual_function || (command & command_memory);
	device.bus_master = command & command_master;
	walk_capabilities(config, device);
}

} // namespace iomemgrant
