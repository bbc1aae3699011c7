// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_HOST_H
#define IOMEMGRANT_HOST_H

#include <chrono>
#include <functional>
#include <string>

#include "lib/audit/audit.h"
#include "lib/host/grant_device.h"
#include "lib/host/grant_numbers.h"
#include "lib/host/hypervisor.h"
#include "lib/host/xenstore.h"
#include "lib/pci/pci_device.h"
#include "lib/policy/policy.h"
#include "lib/values/lockdown.h"

namespace iomemgrant
{

/// The machine the granting half works on: the seams and what goes with them.
struct Host {
	GrantDevice& device;
	XenStore& store;
	Hypervisor& hypervisor;
	PciDevices pci{};
	Domid self{0};
	/// Keeps the highest grant id of this host.
	GrantNumbers numbers{};

	/// The clock that limits of waiting are measured with.
	std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
	/// The time of day.
	std::function<std::chrono::system_clock::time_point()> wall =
		std::chrono::system_clock::now;
	/// Called between steps; throws Error interrupted when the user wants to stop.
	std::function<void()> checkpoint = [] {};
	/// Destroys a domain with all that the toolstack has of it; throws Error.
	std::function<void(Domid)> destroy_domain = [](Domid) {};
	/// Told what belongs into the audit trail.
	std::function<void(const AuditEntry&)> audit = [](const AuditEntry&) {};
	/// The administrator's rules for this machine.  Read when first asked for, so that a
	/// mistake in it stands in the way of new grants only; throws Error bad-policy.
	std::function<const Policy&()> policy = []() -> const Policy& {
		static const Policy none;
		return none;
	};
	/// Lockdown of this domain's kernel.
	std::function<Lockdown()> lockdown = [] { return Lockdown::read(); };
	/// Told each step.
	std::function<void(const std::string&)> trace = [](const std::string&) {};
};

/// Lockdown of this domain's kernel, of which the module knows even where the kernel does not tell.
inline Lockdown lockdown_of(Host& host)
{
	return host.lockdown().or_as(host.device.info().locked_down);
}

} // namespace iomemgrant

#endif
