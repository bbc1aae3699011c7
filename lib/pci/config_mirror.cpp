// SPDX-License-Identifier: LGPL-2.1-or-later
// Known from the drivers of these devices, and from the hypervisors that have to hide the mirrors.
#include "lib/pci/config_mirror.h"

namespace iomemgrant
{

namespace
{

struct Family {
	std::uint16_t vendor;
	std::uint16_t mask, id; ///< of the device id
	std::uint32_t base_class;
	ConfigMirror mirror;
};

constexpr std::uint32_t network = 0x02;
constexpr std::uint32_t display = 0x03;

constexpr Family families[] = {
	{0x10de, 0, 0, display, {"NVIDIA GPU", 0, 0x1800, 0x100}},
	{0x10de, 0, 0, display, {"NVIDIA GPU", 0, 0x88000, 0x1000}},
	{0x1002, 0, 0, display, {"AMD GPU", 2, 0x4000, 0x1000}},
	// Through an index and a data register.
	{0x10ec, 0, 0, network, {"Realtek NIC", 2, 0x60, 0x20}},
	{0x14e4, 0xff00, 0x1600, network, {"Broadcom NIC", 0, 0, 0x100}},
	{0x14e4, 0xff00, 0x1600, network, {"Broadcom NIC", 0, 0x2000, 0x100}},
};

} // namespace

std::vector<ConfigMirror> config_mirrors(const PciDevice& device)
{
	std::vector<ConfigMirror> found;
	for (const auto& family : families) {
		if (device.id.vendor == family.vendor &&
			(device.id.device & family.mask) == family.id &&
			device.class_code >> 16 == family.base_class)
			found.push_back(family.mirror);
	}
	return found;
}

} // namespace iomemgrant
