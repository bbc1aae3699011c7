// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_HOST_H
#define IOMEMGRANT_HOST_H

#include <chrono>
#include <functional>
#include <string>

#include <iomemgrant/grant_device.h>
#include <iomemgrant/hypervisor.h>
#include <iomemgrant/pci_device.h>
#include <iomemgrant/xenstore.h>

namespace iomemgrant
{

/// The machine the granting half works on: the seams and what goes with them.
struct Host {
	GrantDevice& device;
	XenStore& store;
	Hypervisor& hypervisor;
	PciDevices pci{};
	Domid self{0};

	/// The clock that limits of waiting are measured with.
	std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
	/// Called between steps; throws Error interrupted when the user wants to stop.
	std::function<void()> checkpoint = [] {};
	/// Told each step.
	std::function<void(const std::string&)> trace = [](const std::string&) {};
};

} // namespace iomemgrant

#endif
