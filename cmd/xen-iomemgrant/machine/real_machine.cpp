// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/machine/real_machine.h"

#include <algorithm>
#include <filesystem>

#include "lib/audit/journal.h"
#include "lib/host/absent_xenstore.h"
#include "lib/values/error.h"

namespace iomemgrant
{

RealMachine::RealMachine(std::function<void(const std::string&)> trace, LogSink log)
	: trace_(std::move(trace)), log_(std::move(log))
{
}

void RealMachine::require_control_domain()
{
	const auto facts = system();
	if (!facts.control_domain)
		throw not_control_domain(facts);
}

GrantDevice& RealMachine::device()
{
	if (!device_)
		device_ = open_grant_device();
	return *device_;
}

XenStore& RealMachine::store()
{
	if (!store_)
		store_ = open_xenstore(interrupt_.fd(), request_limit_);
	return *store_;
}

void RealMachine::limit_requests(std::chrono::milliseconds limit)
{
	// With less a xenstored that is only busy would count as one that hangs.
	constexpr std::chrono::milliseconds least{1000};
	request_limit_ = std::min(default_request_limit, std::max(least, limit));
}

Hypervisor& RealMachine::hypervisor()
{
	if (!hypervisor_)
		hypervisor_ = open_hypervisor(log_);
	return *hypervisor_;
}

const Policy& RealMachine::policy()
{
	if (!policy_) {
		Policy policy;
		// There need be none, but one that cannot be read forbids who knows what.
		std::error_code failed;
		if (std::filesystem::exists(system_policy_file, failed) || failed)
			policy.add_file(system_policy_file);
		for (const auto& file : policy_files_)
			policy.add_file(file);
		policy_ = std::move(policy);
	}
	return *policy_;
}

// A command that the kernel can carry out alone shall not fail for want of XenStore.
XenStore& RealMachine::store_or_absent()
{
	try {
		return store();
	} catch (const Error& error) {
		if (error.kind() != kind::no_xenstore)
			throw;
		store_ = std::make_unique<AbsentXenStore>(error);
		return *store_;
	}
}

Host& RealMachine::host()
{
	if (!host_) {
		require_control_domain();
		host_.emplace(Host{.device = device(),
			.store = store_or_absent(),
			.hypervisor = hypervisor()});
		host_->numbers = GrantNumbers("/run/xen-iomemgrant");
		host_->checkpoint = [this] { interrupt_.check(); };
		host_->trace = trace_;
		host_->policy = [this]() -> const Policy& { return policy(); };
		host_->destroy_domain = destroy_with_xl;
		host_->audit = journal_sink("xen-iomemgrant");
	}
	return *host_;
}

} // namespace iomemgrant
