// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef FAKE_MACHINE_H
#define FAKE_MACHINE_H

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cmd/xen-iomemgrant/commands.h"
#include "lib/host/absent_xenstore.h"
#include "lib/values/error.h"
#include "tests/fake/fake_grant_device.h"
#include "tests/fake/fake_hypervisor.h"
#include "tests/fake/fake_xenstore.h"

namespace iomemgrant
{

/// A dom0 with the guest web1 (5) and the devices of a sysfs tree.  Each layer can be broken: then
/// asking for it throws what the real one would.
class FakeMachine final : public Machine
{
public:
	explicit FakeMachine(std::filesystem::path pci_root) : pci_(std::move(pci_root))
	{
		DomainInfo web1;
		web1.id = Domid(5);
		web1.uuid = *Uuid::parse("6f0c1d2e-0011-4000-8000-00163e000001");
		grants.uuid = web1.uuid;
		xen.list = {DomainInfo{}, web1};
		xs.write("/local/domain/0/name", "Domain-0");
		xs.write("/local/domain/5/name", "web1");
	}

	void require_control_domain() override { fail(no_control); }
	GrantDevice& device() override { return open(no_device), grants; }
	XenStore& store() override { return open(no_store), xs; }
	Hypervisor& hypervisor() override { return open(no_hypervisor), xen; }
	const PciDevices& pci() override { return pci_; }
	const Policy& policy() override
	{
		if (!policy_) {
			policy_.emplace();
			for (const auto& file : policy_files)
				policy_->add_file(file);
		}
		return *policy_;
	}
	void add_policy_file(const std::string& path) override { policy_files.push_back(path); }
	void limit_requests(std::chrono::milliseconds limit) override { request_limit = limit; }
	SystemFacts system() override { return facts; }
	Host& host() override
	{
		require_control_domain();
		if (no_store)
			absent_.emplace(*no_store);
		host_.emplace(Host{.device = device(),
			.store = no_store ? static_cast<XenStore&>(*absent_) : xs,
			.hypervisor = hypervisor(),
			.pci = pci_});
		host_->numbers = numbers;
		host_->policy = [this]() -> const Policy& { return policy(); };
		host_->now = [this] { return xs.time; };
		host_->lockdown = [this] { return facts.lockdown; };
		return *host_;
	}

	FakeGrantDevice grants;
	FakeXenStore xs;
	FakeHypervisor xen;
	SystemFacts facts{.raw_io = true,
		.lockdown = {},
		.guest_type = "pv",
		.control_domain = true,
		.xenfs = true,
		.module_loaded = true,
		.module_node = true,
		.devtmpfs = true,
		.udev = true};
	std::vector<std::string> policy_files;
	std::optional<std::chrono::milliseconds> request_limit;
	/// What asking for this layer throws.
	std::optional<Error> no_control, no_device, no_store, no_hypervisor;

	/// Nothing is kept unless a test wants it.
	GrantNumbers numbers;
	/// How often a layer was asked for.
	int opened = 0;

private:
	void open(const std::optional<Error>& error)
	{
		opened++;
		fail(error);
	}

	static void fail(const std::optional<Error>& error)
	{
		if (error)
			throw Error(*error);
	}

	PciDevices pci_;
	std::optional<AbsentXenStore> absent_;
	std::optional<Policy> policy_;
	std::optional<Host> host_;
};

/// What a run of the program left.
struct Ran {
	int status = 0;
	std::string out;
	std::string err;
};

inline Ran run_on(Machine& machine, const std::vector<std::string>& arguments)
{
	Ran ran;
	ran.status = run_command_line(
		arguments, machine, [&](std::string_view text) { ran.out += text; },
		[&](std::string_view text) { ran.err += text; }, false);
	return ran;
}

} // namespace iomemgrant

#endif
