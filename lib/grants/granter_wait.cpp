// SPDX-License-Identifier: LGPL-2.1-or-later
// The second half of Granter: waiting until the guest has mapped what was published, and looking
// whether all of it is still in force.
#include "lib/grants/granter.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/check/refusals.h"
#include "lib/grants/pending_grants.h"
#include "lib/inventory/wait.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

// The grant as the kernel has it, if it does.
const Grant* find(const std::vector<Grant>& known, GrantId id)
{
	const auto at = std::find_if(
		known.begin(), known.end(), [id](const Grant& grant) { return grant.id == id; });
	return at == known.end() ? nullptr : &*at;
}

bool in_force(const Grant* grant)
{
	return grant && grant->state == Grant::State::live;
}

} // namespace

// Others may revoke what has just been granted, devices and domains go: the kernel has the last
// word on what is reported as granted.
std::vector<GrantStatus> Granter::require_in_force(
	const DomainInfo& domain, const std::vector<Grant>& grants)
{
	Domains domains(host_);
	const auto known = host_.device.list();
	std::vector<GrantStatus> found;
	for (const auto& wanted : grants) {
		const auto* grant = find(known, wanted.id);
		if (!is_still(host_, domain))
			throw Error(kind::domain_dying,
				fmt::format("domain {} died while {} was granted to it",
					describe(domain), wanted.id.str()));
		if (!in_force(grant))
			throw Error(kind::no_grant,
				fmt::format("{} was {} while it was granted", wanted.id.str(),
					grant && grant->state == Grant::State::lost
						? "lost with its device"
						: "revoked by another command"),
				"xen-iomemgrant list")
				.with("grant", wanted.id.str());
		found.push_back(inspect(host_, domains, *grant));
	}
	return found;
}

milliseconds Granter::await_mapped(const DomainInfo& domain, const std::vector<Grant>& grants,
	const PendingGrants& pending, milliseconds limit)
{
	Wait wait(host_, limit);
	wait.watch(PublicationPath::frontends(domain.id));
	wait.watch("@releaseDomain");
	auto waiting = grants;
	bool quiet = true;
	while (true) {
		const auto known = host_.device.list();
		const auto first = waiting.empty() ? GrantId(0) : waiting.front().id;
		std::erase_if(waiting, [&](const Grant& wanted) {
			const auto* grant = find(known, wanted.id);
			if (!in_force(grant))
				return true; // require_in_force() tells what happened
			const bool mapped =
				grant->nr_mapped.value_or(grant->refs.count) >= grant->refs.count;
			// A guest takes up one grant after the other.  While it does, only the
			// first that is missing is asked for errors.
			if (!mapped && !quiet && wanted.id != first)
				return false;
			// The guest's word proves nothing; Xen's count does, where there is one.
			return says_mapped(domain, wanted, pending) && mapped;
		});
		if (waiting.empty())
			return wait.elapsed();
		if (wait.over())
			break;
		quiet = !wait.sleep(false);
	}
	throw Error(kind::peer_timeout,
		fmt::format("{} did not map {} within {}; {}", short_name(domain),
			waiting.front().id.str(), in_seconds(limit),
			pending.fate(waiting.front().id)),
		"is the module xen_iomemgrant loaded in the guest? --no-wait leaves the offer open")
		.with("domain", short_name(domain));
}

bool Granter::says_mapped(
	const DomainInfo& domain, const Grant& grant, const PendingGrants& pending)
{
	if (!is_still(host_, domain))
		throw Error(kind::domain_dying, fmt::format("domain {} died before it mapped {}",
							describe(domain), grant.id.str()));
	const auto path = pending.path(grant);
	const auto state = decode_state(host_.store.read(path.frontend("state")));
	if (state == XenbusState::connected)
		return true;
	const auto error = printable(host_.store.read(path.frontend("error")).value_or(""));
	if (!error.empty() || state == XenbusState::closed)
		throw refusal::guest_failed(
			host_.store, domain, grant, error, pending.fate(grant.id));
	return false;
}

} // namespace iomemgrant
