// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_MACHINE_H
#define XEN_IOMEMGRANT_MACHINE_H

#include <chrono>
#include <string>

#include "cmd/xen-iomemgrant/machine/system_facts.h"
#include "lib/host/host.h"

namespace iomemgrant
{

/// The machine a command runs on, each layer opened when it is first asked for.
class Machine
{
public:
	virtual ~Machine() = default;

	/// Throws Error not-dom0.
	virtual void require_control_domain() = 0;
	/// These throw what the real adapters throw: no-module, no-xenstore, not-xen, permission.
	virtual GrantDevice& device() = 0;
	virtual XenStore& store() = 0;
	virtual Hypervisor& hypervisor() = 0;
	/// Needs no Xen.
	virtual const PciDevices& pci() = 0;
	/// The administrator's rules; read when first asked for.  Throws Error bad-policy.
	virtual const Policy& policy() = 0;
	/// A policy file besides this machine's own.  Before policy().
	virtual void add_policy_file(const std::string& path) = 0;
	/// Has xenstored answer each request within @limit, where the user is that impatient.
	/// Before store().
	virtual void limit_requests(std::chrono::milliseconds limit) = 0;
	virtual SystemFacts system() = 0;
	/// Everything; throws what is missing first, but for a XenStore that cannot be reached:
	/// that one throws when it is asked something.
	virtual Host& host() = 0;
};

} // namespace iomemgrant

#endif
