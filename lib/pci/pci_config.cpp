// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/pci/pci_config.h"

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
constexpr std::uint32_t header_bridge = 1;
constexpr std::size_t bars_offset = 0x10;
constexpr std::uint32_t bar_io = 1;
constexpr std::uint32_t bar_type_64bit = 4;
constexpr std::size_t capabilities_offset = 0x34;
constexpr std::size_t cardbus_capabilities_offset = 0x14;
constexpr std::uint32_t capability_msix = 0x11;
constexpr std::uint32_t capability_enhanced_allocation = 0x14;
constexpr std::size_t config_size = 256;

class Config
{
public:
	explicit Config(std::string_view bytes) : bytes_(bytes) {}

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
	bool has_header() const { return has(0, 64); }
	/// A device that is off or gone answers every read with ones.
	bool silent() const { return get(command_offset, 4) == 0xffffffff; }
	std::uint32_t header_type() const { return get(header_type_offset, 1) & 0x7f; }

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

struct Capabilities {
	ConfigState state = ConfigState::unread;
	std::optional<Msix> msix;
	/// The base address registers say nothing.
	bool enhanced_allocation = false;
};

Capabilities walk_capabilities(const Config& config)
{
	Capabilities found;
	std::size_t at = 0;
	if (config.get(status_offset, 2) & status_capabilities)
		at = config.get(config.header_type() == header_cardbus ? cardbus_capabilities_offset
								       : capabilities_offset,
			1);
	// A list may be a ring: each place is visited once.
	std::bitset<config_size> seen;
	for (at &= ~std::size_t{3}; at; at = config.get(at + 1, 1) & ~std::size_t{3}) {
		if (at < 64 || seen[at]) {
			found.state = ConfigState::broken;
			return found;
		}
		seen[at] = true;
		const auto capability = config.get(at, 1);
		// Without privilege Linux shows the first 64 bytes only.
		if (!config.has(at, capability == capability_msix ? 12 : 2))
			return found;
		if (capability == capability_msix)
			found.msix = read_msix(config, at);
		found.enhanced_allocation |= capability == capability_enhanced_allocation;
	}
	found.state = ConfigState::complete;
	return found;
}

// Linux has no place for a BAR and leaves the register as the firmware wrote it.
GivenUpBars given_up_bars(const Config& config, const PciResources& resources)
{
	GivenUpBars found;
	const auto type = config.header_type();
	const unsigned nr_bars = type == 0 ? 6 : type == header_bridge ? 2 : 0;
	for (unsigned index = 0; index < nr_bars; index++) {
		const auto& bar = resources.bars[index];
		std::uint64_t value = config.get(bars_offset + 4 * std::size_t{index}, 4);
		if (value & bar_io)
			continue;
		const bool wide = value & bar_type_64bit && index + 1 < nr_bars;
		if (wide)
			value |= std::uint64_t{config.get(
					 bars_offset + 4 * (std::size_t{index} + 1), 4)}
				 << 32;
		value &= ~std::uint64_t{0xf};
		if (value && (bar.type == PciBar::Type::absent || bar.unassigned))
			found[index] = value;
		index += wide;
	}
	return found;
}

} // namespace

void read_config(std::string_view bytes, PciDevice& device)
{
	const Config config(bytes);
	if (!config.has_header())
		return;
	if (config.silent()) {
		device.config = ConfigState::silent;
		return;
	}
	const auto command = config.get(command_offset, 2);
	device.memory_decode = command & command_memory;
	device.bus_master = command & command_master;
	const auto capabilities = walk_capabilities(config);
	device.config = capabilities.state;
	if (device.config == ConfigState::complete)
		device.msix = capabilities.msix;
	if (!device.is_virtual_function && !capabilities.enhanced_allocation)
		device.given_up = given_up_bars(config, device.resources);
}

bool functions_decode(std::string_view bytes)
{
	// PCI Express, 7.6: extended capabilities; SR-IOV 1.1, 3.3.
	constexpr std::size_t first = 0x100;
	constexpr std::uint32_t capability_sriov = 0x10;
	constexpr std::size_t control = 8;
	constexpr std::uint32_t memory_space = 8;
	constexpr int most = 4096 / 4;
	const Config config(bytes);
	std::size_t at = first;
	for (int visited = 0; at >= first && visited < most; visited++) {
		const auto header = config.get(at, 4);
		if ((header & 0xffff) == capability_sriov && config.has(at + control, 2))
			return config.get(at + control, 2) & memory_space;
		at = header >> 20;
	}
	return true;
}

} // namespace iomemgrant
