// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_REAL_MACHINE_H
#define XEN_IOMEMGRANT_REAL_MACHINE_H

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cmd/xen-iomemgrant/machine/interrupt.h"
#include "cmd/xen-iomemgrant/machine/machine.h"
#include "lib/host/real.h"

namespace iomemgrant
{

/// This machine.
class RealMachine final : public Machine
{
public:
	/// @trace is told the steps, @log what Xen's libraries say.
	RealMachine(std::function<void(const std::string&)> trace, LogSink log);

	void require_control_domain() override;
	GrantDevice& device() override;
	XenStore& store() override;
	Hypervisor& hypervisor() override;
	const PciDevices& pci() override { return pci_; }
	const Policy& policy() override;
	void add_policy_file(const std::string& path) override { policy_files_.push_back(path); }
	void limit_requests(std::chrono::milliseconds limit) override;
	SystemFacts system() override { return SystemFacts::read(); }
	Host& host() override;

private:
	XenStore& store_or_absent();

	Interrupt interrupt_;
	std::function<void(const std::string&)> trace_;
	LogSink log_;
	PciDevices pci_;
	std::vector<std::string> policy_files_;
	std::chrono::milliseconds request_limit_ = default_request_limit;
	std::optional<Policy> policy_;
	std::unique_ptr<GrantDevice> device_;
	std::unique_ptr<XenStore> store_;
	std::unique_ptr<Hypervisor> hypervisor_;
	std::optional<Host> host_;
};

} // namespace iomemgrant

#endif
