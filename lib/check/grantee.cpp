// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/grantee.h"

#include <fmt/format.h>

#include "lib/publication/publication.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// How libxl names the two ends of a migration while it lasts.
constexpr std::string_view incoming = "--incoming";
constexpr std::string_view outgoing = "--migratedaway";

void require_other(const Host& host, Domid id)
{
	if (id == host.self)
		throw Error(kind::self_grant,
			fmt::format("domain {} already owns this device", host.self.value()),
			"name a guest; xl list shows them");
}

void require_settled(const DomainInfo& domain)
{
	const bool arriving = domain.name.ends_with(incoming);
	// A grant does not travel, and a guest gives its own up before it goes.
	if (domain.suspended || arriving || domain.name.ends_with(outgoing))
		throw Error(kind::domain_migrating,
			fmt::format("domain {} is being {}", describe(domain),
				arriving ? "restored or migrated here" : "saved or migrated"),
			"grant again where it runs");
	if (domain.dying || domain.shutdown)
		throw Error(kind::domain_dying,
			fmt::format("domain {} is {}", describe(domain),
				domain.dying ? "dying" : "shut down"),
			"start it again first");
}

// A stub domain runs the device model of another guest; nothing in it maps a grant.
void require_no_stub_domain(Host& host, Domains& domains, const DomainInfo& domain)
{
	const auto target = host.store.read(PublicationPath::home(domain.id, "target"));
	if (!target)
		return;
	const auto id = Domid::parse(*target);
	const auto served = id ? domains.find(*id) : std::nullopt;
	throw Error(kind::stub_domain,
		fmt::format("domain {} is the stub domain of {}", describe(domain),
			served ? describe(*served) : "another domain"),
		served ? fmt::format("grant to {}", short_name(*served)) : "xl list");
}

// Frames appear under such a guest as it touches them, and everything else in its physical map is
// in the way of that until its balloon driver has done its work.
void require_populated(Host& host, const DomainInfo& domain)
{
	const auto pages =
		domain.type == DomainType::pv ? 0 : host.hypervisor.populate_on_demand(domain.id);
	if (pages)
		throw Error(kind::populate_on_demand,
			fmt::format("domain {} populates its memory on demand ({} pages to go)",
				describe(domain), pages),
			"wait until its balloon driver is done, or start it with maxmem equal to "
			"memory");
}

} // namespace

DomainInfo resolve_grantee(Host& host, Domains& domains, const DomainSpec& spec, bool waits)
{
	if (spec.by == DomainSpec::By::id)
		require_other(host, spec.id);
	const auto domain = domains.resolve(spec);
	require_other(host, domain.id);
	require_settled(domain);
	require_no_stub_domain(host, domains, domain);
	require_populated(host, domain);
	if (domain.paused && waits)
		throw Error(kind::domain_paused,
			fmt::format(
				"domain {} is paused and cannot map anything", describe(domain)),
			fmt::format("xl unpause {}, or --no-wait leaves the offer open",
				short_name(domain)));
	return domain;
}

} // namespace iomemgrant
