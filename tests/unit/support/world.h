// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef WORLD_H
#define WORLD_H

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cmd/xen-iomemgrant/machine/machine.h"
#include "lib/grants/granter.h"
#include "lib/inventory/select_grant.h"
#include "tests/fake/fake_grant_device.h"
#include "tests/fake/fake_hypervisor.h"
#include "tests/fake/fake_xenstore.h"
#include "tests/unit/support/pci_tree.h"

namespace iomemgrant
{

/// A host on fakes: dom0 with the device 0000:03:00.0, whose BAR2 has 32 KiB and whose BAR4 is one
/// of I/O ports, and a guest, web1 (5).  The real Granter makes each grant.
class World : public Machine
{
public:
	World()
	{
		tree.add("0000:03:00.0").memory64(2, 0xdd000000, 0x8000).io(4, 0xe000, 32);
		store_.write("/local/domain/0/name", "Domain-0");
		store_.write("/local/domain/0/backend/console/5/0", "");
		hypervisor_.list = {DomainInfo{}};
		add_guest(5, "web1", "6f0c1d2e-0011-4000-8000-00163e000001");
		before = store_.nodes;
	}

	void add_guest(std::uint16_t id, const std::string& name, const std::string& uuid)
	{
		DomainInfo guest;
		guest.id = Domid(id);
		guest.uuid = *Uuid::parse(uuid);
		hypervisor_.list.push_back(guest);
		store_.write(fmt::format("/local/domain/{}/name", id), name);
		store_.write(fmt::format("/local/domain/{}/device/console/0", id), "");
		device_.uuid = guest.uuid;
	}

	/// As `xl destroy` does it: Xen and XenStore forget the guest, and nobody tells us.
	void destroy_guest(std::uint16_t id)
	{
		std::erase_if(hypervisor_.list, [&](const auto& d) { return d.id == Domid(id); });
		store_.erase(fmt::format("/local/domain/{}", id));
		for (auto& grant : device_.grants) {
			if (grant.domid == Domid(id))
				grant.nr_mapped = 0;
		}
	}

	/// The guests map each publication, and let go when asked.
	void guests_cooperate()
	{
		store_.guest = [this](FakeXenStore& xs) {
			guest_acts = true;
			for (auto& grant : device_.grants) {
				const PublicationPath path(Domid(0), grant.domid, grant.id);
				if (!xs.read(path.frontend()))
					continue;
				const bool live = xs.read(path.backend("state")) == "4";
				xs.write(path.frontend("state"), live ? "4" : "6");
				grant.nr_mapped = live ? grant.refs.count : 0;
			}
			guest_acts = false;
		};
	}
	/// From now on they do nothing, and keep what they have mapped.
	void guests_sleep()
	{
		store_.guest = [](FakeXenStore&) {};
	}

	/// Grants to web1 and returns the id.
	GrantId grant(const std::string& region, bool wait = true)
	{
		GrantOptions options;
		if (!wait)
			options.wait.reset();
		return Granter(host())
			.grant(DomainSpec::parse("id:5"), {RegionSpec::parse(region)}, options)
			.grants.at(0)
			.grant.id;
	}

	GrantStatus status(GrantId id)
	{
		auto& now = host();
		Domains domains(now);
		return select(take_inventory(now, domains), GrantName::of(id), domains);
	}

	void require_control_domain() override {}
	FakeGrantDevice& device() override { return device_; }
	FakeXenStore& store() override { return store_; }
	FakeHypervisor& hypervisor() override { return hypervisor_; }
	const PciDevices& pci() override { return host().pci; }
	const Policy& policy() override { return policy_; }
	void add_policy_file(const std::string& path) override { policy_.add_file(path); }
	void limit_requests(std::chrono::milliseconds) override {}
	SystemFacts system() override { return {}; }
	/// A new one each time: what it read of the devices is not kept.
	Host& host() override
	{
		host_.emplace(Host{.device = device_,
			.store = store_,
			.hypervisor = hypervisor_,
			.pci = PciDevices(tree.root())});
		host_->now = [this] { return store_.time; };
		host_->wall = [this] { return wall; };
		host_->destroy_domain = [this](Domid id) { destroyed(id); };
		host_->audit = [this](const AuditEntry& entry) {
			if (audited)
				audited(entry);
		};
		return *host_;
	}

	/// What the toolstack does when it shall destroy a guest, and who reads the audit trail.
	std::function<void(Domid)> destroyed;
	std::function<void(const AuditEntry&)> audited;

	PciTree tree;
	std::map<std::string, std::string> before;
	/// True while a request to XenStore is one of a cooperating guest, not of the code under
	/// test.
	bool guest_acts = false;
	std::chrono::system_clock::time_point wall{std::chrono::hours(24)};

private:
	FakeGrantDevice device_;
	FakeXenStore store_;
	FakeHypervisor hypervisor_;
	Policy policy_;
	std::optional<Host> host_;
};

} // namespace iomemgrant

#endif
