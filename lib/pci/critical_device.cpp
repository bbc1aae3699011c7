// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/pci/critical_device.h"

#include <algorithm>

namespace iomemgrant
{

namespace
{

// Volume Management Devices hold registers and configuration space of the disks behind them, also
// while no driver has made a bus of these.
bool is_vmd(const PciDevice& device)
{
	constexpr std::uint16_t intel = 0x8086;
	constexpr std::uint16_t ids[] = {
		0x201d, 0x28c0, 0x467f, 0x4c3d, 0x7d0b, 0x9a0b, 0xa77f, 0xad0b, 0xb06f, 0xb60b};
	return device.class_code >> 8 == 0x0104 && device.id.vendor == intel &&
	       std::find(std::begin(ids), std::end(ids), device.id.device) != std::end(ids);
}

// Shared memory of a virtual machine has the class of a memory controller and controls nothing.
bool is_ivshmem(const PciDevice& device)
{
	return device.id.vendor == 0x1af4 && device.id.device == 0x1110;
}

// Anywhere in the machine.
std::string_view everywhere(std::uint32_t base_and_sub)
{
	switch (base_and_sub) {
	case 0x0502:
		return "a CXL memory controller";
	case 0x0800:
		return "an interrupt controller";
	case 0x0801:
		return "a DMA controller";
	case 0x0802:
		return "a timer";
	case 0x0803:
		return "a clock";
	case 0x0804:
		return "a hot-plug controller";
	case 0x0806:
		return "an IOMMU";
	}
	// Of all bridges only the last class is also that of things which are none.
	if (base_and_sub >> 8 == 0x06 && base_and_sub != 0x0680)
		return "a bridge";
	return {};
}

// On a root bus it is the chipset's; behind a bridge it is a card, and classes of cards are loose.
std::string_view in_chipset(std::uint32_t base_and_sub)
{
	switch (base_and_sub) {
	case 0x0501:
		return "a flash controller";
	case 0x0680:
		return "a bridge";
	case 0x0c05:
		return "the SMBus";
	case 0x0c80:
		return "a controller of serial buses, as of the firmware's flash";
	case 0x1180:
		return "a controller of power and heat";
	}
	return base_and_sub >> 8 == 0x05 ? "a memory controller" : "";
}

} // namespace

std::string_view host_role(const PciDevice& device)
{
	if (device.has_bus || is_vmd(device))
		return "the window to other devices";
	if (device.boot_vga)
		return "the boot display";
	const auto role = everywhere(device.class_code >> 8);
	if (!role.empty() || !device.on_root_bus || is_ivshmem(device))
		return role;
	return in_chipset(device.class_code >> 8);
}

} // namespace iomemgrant
