// SPDX-License-Identifier: LGPL-2.1-or-later
// The checks that are about the device as a whole.
#include <fmt/format.h>

#include "lib/check/region_check.h"
#include "lib/pci/critical_device.h"

namespace iomemgrant
{

namespace
{

std::string folder(const PciDevice& device)
{
	return fmt::format("/sys/bus/pci/devices/{}", device.sbdf.str());
}

std::string wake(const PciDevice& device)
{
	return fmt::format("echo on > {}/power/control", folder(device));
}

std::string find_again(const PciDevice& device)
{
	return fmt::format("echo 1 > {}/remove; echo 1 > /sys/bus/pci/rescan", folder(device));
}

} // namespace

void RegionCheck::check_segment()
{
	if (region().sbdf.segment <= 0xffff)
		return;
	add(kind::segment_too_wide,
		fmt::format("{} is in segment {:#x}; Xen and the module name segments up to 0xffff",
			bdf_, region().sbdf.segment))
		.with("bdf", bdf_);
}

void RegionCheck::check_config()
{
	switch (device().config) {
	case ConfigState::complete:
		return;
	case ConfigState::silent:
		add(kind::dead_device,
			fmt::format(
				"{} does not answer: every read of its configuration space gives "
				"ones",
				bdf_),
			device().asleep() ? wake(device()) : find_again(device()))
			.with("bdf", bdf_)
			.with("power_state", device().power_state);
		return;
	case ConfigState::broken:
		add(kind::dead_device,
			fmt::format(
				"the list of capabilities of {} is broken; an MSI-X table may be "
				"anywhere in it",
				bdf_),
			find_again(device()))
			.with("bdf", bdf_);
		return;
	case ConfigState::unread:
		break;
	}
	// Registers that cannot be seen cannot be called safe.
	add(kind::permission,
		fmt::format("the capabilities of {} cannot be read; an MSI-X table may be anywhere "
			    "in it",
			bdf_),
		"run as root")
		.with("bdf", bdf_);
}

void RegionCheck::check_dma()
{
	if (!device().bus_master)
		return;
	add(kind::dma_capable,
		fmt::format("{} can do DMA (bus master on); write access may let {} read and write "
			    "all of dom0's memory",
			bdf_, guest_),
		"grant only doorbell pages and pass --allow=dma-capable")
		.with("bdf", bdf_);
}

void RegionCheck::check_critical()
{
	const auto role = host_role(device());
	if (role.empty())
		return;
	add(kind::critical_device,
		fmt::format("{} is {}; the host itself depends on it", bdf_, role),
		"pass --allow=critical-device if you are sure")
		.with("bdf", bdf_);
}

void RegionCheck::check_driver()
{
	if (!device().has_active_driver())
		return;
	add(kind::driver_bound, fmt::format("{} is driven by '{}' in dom0", bdf_, *device().driver),
		"unbind it, or --allow=driver-bound to share")
		.with("bdf", bdf_)
		.with("driver", *device().driver);
}

void RegionCheck::check_decode()
{
	if (device().memory_decode && !device().asleep())
		return;
	// A virtual function has no memory enable bit of its own.
	if (!device().memory_decode && device().physical_function &&
		devices_.contains(*device().physical_function)) {
		const auto& decoder = devices_.read(*device().physical_function);
		if (decoder.asleep())
			add_decode_off(decoder,
				fmt::format("its physical function {} is in {}", decoder.sbdf.str(),
					decoder.power_state),
				wake(decoder));
		else
			add_decode_off(decoder,
				fmt::format("{} has VF memory space off", decoder.sbdf.str()),
				fmt::format("setpci -s {} ECAP_SRIOV+8.w=8:8", decoder.sbdf.str()));
		return;
	}
	add_decode_off(device(),
		device().power_state == "unknown"
			? std::string("its memory enable bit is clear")
			: fmt::format("device in {}", device().power_state),
		device().asleep() ? wake(device()) : fmt::format("setpci -s {} COMMAND=2:2", bdf_));
}

void RegionCheck::add_decode_off(const PciDevice& decoder, const std::string& why, std::string hint)
{
	add(kind::decode_off,
		fmt::format("memory decoding is off ({}); reads would give 0 or all ones", why),
		std::move(hint))
		.with("bdf", bdf_)
		.with("decoder", decoder.sbdf.str())
		.with("power_state", decoder.power_state);
}

} // namespace iomemgrant
