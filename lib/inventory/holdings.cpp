// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/inventory/holdings.h"

#include <fmt/format.h>

namespace iomemgrant
{

namespace
{

DomainInfo named(Domains& domains, Domid id)
{
	DomainInfo unnamed;
	unnamed.id = id;
	return domains.find(id).value_or(unnamed);
}

// The backend of PCI passthrough has a node dev-0, dev-1, ... for each device of a domain, and a
// guest cannot write there.
void read_devices(Host& host, Domains& domains, Holdings& found)
{
	const auto root = fmt::format("/local/domain/{}/backend/pci", host.self.value());
	for (const auto& name : host.store.directory(root)) {
		const auto id = Domid::parse(name);
		if (!id)
			continue;
		const auto folder = fmt::format("{}/{}/0", root, name);
		for (const auto& node : host.store.directory(folder)) {
			if (!node.starts_with("dev-"))
				continue;
			const auto device = host.store.read(fmt::format("{}/{}", folder, node));
			if (const auto sbdf = Sbdf::parse(device.value_or("")))
				found.devices.emplace(*sbdf, named(domains, *id));
		}
	}
}

} // namespace

Holdings read_holdings(Host& host, Domains& domains)
{
	Holdings found;
	read_devices(host, domains, found);
	for (const auto& domain : host.hypervisor.domains()) {
		for (const auto& range : host.hypervisor.configured_iomem(domain))
			found.pages.push_back({named(domains, domain.id), range});
	}
	return found;
}

} // namespace iomemgrant
