// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/options/grant_filter.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/cli/command_line.h"

namespace iomemgrant
{

namespace
{

const std::vector<std::string> states = {
	"offered", "mapped", "revoking", "orphaned", "lost", "unpublished"};

} // namespace

void add_grant_filter(Syntax& verb, GrantFilterText& text, bool with_state)
{
	verb.add("--domain=DOMAIN", &text.domain, "Only grants of this domain");
	verb.add("--device=BDF", &text.device, "Only grants of this device");
	if (with_state)
		verb.add("--state=STATE", &text.state,
			fmt::format("Only grants in this state: {}", fmt::join(states, ", ")));
}

GrantFilter GrantFilter::parse(const GrantFilterText& text)
{
	GrantFilter filter;
	if (!text.domain.empty())
		filter.domain = DomainSpec::parse(text.domain);
	if (!text.device.empty())
		filter.device = Sbdf::from_user(text.device);
	if (!text.state.empty())
		filter.state = parse_choice("--state", text.state, states);
	return filter;
}

std::vector<GrantStatus> GrantFilter::apply(
	const std::vector<GrantStatus>& grants, Domains& domains) const
{
	// A UUID is also that of grants whose domain is gone, or has another number since its
	// reboot.
	const bool by_uuid = domain && domain->by == DomainSpec::By::uuid;
	std::optional<Domid> wanted;
	if (domain && !by_uuid)
		wanted =
			domain->by == DomainSpec::By::id ? domain->id : domains.resolve(*domain).id;
	std::vector<GrantStatus> chosen;
	std::copy_if(grants.begin(), grants.end(), std::back_inserter(chosen),
		[&](const GrantStatus& status) {
			return (!wanted || status.grant.domid == *wanted) &&
			       (!by_uuid || status.grant.uuid == domain->uuid) &&
			       (!device || status.grant.region.sbdf == *device) &&
			       (state.empty() || to_string(status.state()) == state);
		});
	if (by_uuid && chosen.empty())
		(void)domains.resolve(*domain); // says so when there is no such domain
	return chosen;
}

} // namespace iomemgrant
