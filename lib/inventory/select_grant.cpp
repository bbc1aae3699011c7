// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/inventory/select_grant.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/text/closest.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// Without XenStore the module still knows the label.
const std::optional<Label>& label_of(const GrantStatus& status)
{
	return status.label ? status.label : status.grant.label;
}

// A UUID or an id also names a guest that is gone.
bool is_of(const GrantStatus& status, const DomainSpec& guest, Domains& domains)
{
	switch (guest.by) {
	case DomainSpec::By::id:
		return status.grant.domid == guest.id;
	case DomainSpec::By::uuid:
		return status.grant.uuid == guest.uuid;
	case DomainSpec::By::name:
		break;
	}
	return status.grant.domid == domains.resolve(guest).id;
}

Error no_such_grant(const std::vector<GrantStatus>& grants, const GrantName& name)
{
	if (name.id)
		return {kind::no_grant, fmt::format("no grant {}", name.id->str()),
			"xen-iomemgrant list"};
	std::vector<std::string> labels;
	for (const auto& status : grants) {
		if (const auto& label = label_of(status))
			labels.push_back(label->str());
	}
	const auto& typed = name.label->str();
	const auto near = closest(typed, labels, std::max<std::size_t>(2, typed.size() / 3));
	return {kind::no_grant, fmt::format("no grant {}", name.describe()),
		near.empty() ? "xen-iomemgrant list"
			     : fmt::format("closest: {}", fmt::join(near, ", "))};
}

Error label_of_several(const GrantName& name, const std::vector<const GrantStatus*>& grants)
{
	std::vector<std::string> names;
	for (const auto* status : grants)
		names.push_back(fmt::format("{} ({}/{})", status->grant.id.str(),
			short_name(status->domain), name.label->str()));
	return {kind::ambiguous_grant,
		fmt::format("{} grants are {}", grants.size(), name.describe()),
		fmt::format("use {}", fmt::join(names, " or "))};
}

} // namespace

const GrantStatus& select(
	const std::vector<GrantStatus>& grants, const GrantName& name, Domains& domains)
{
	const GrantStatus* by_id = nullptr;
	std::vector<const GrantStatus*> by_label;
	for (const auto& status : grants) {
		// A publication without a grant may have the id of another grant.
		if (name.id && status.grant.id == *name.id && (!by_id || status.in_kernel))
			by_id = &status;
		else if (name.label && label_of(status) == name.label &&
			 (!name.guest || is_of(status, *name.guest, domains)))
			by_label.push_back(&status);
	}
	if (by_id && !by_label.empty())
		throw Error(kind::ambiguous_grant,
			fmt::format("'{}' is the id of one grant and the label of {}",
				name.label->str(), by_label.front()->grant.id.str()),
			fmt::format("use id:{} or label:{}", name.id->value(), name.label->str()));
	if (by_id)
		return *by_id;
	if (by_label.size() > 1)
		throw label_of_several(name, by_label);
	if (by_label.empty())
		throw no_such_grant(grants, name);
	return *by_label.front();
}

GrantStatus find_grant(Host& host, Domains& domains, const GrantName& name)
{
	std::vector<GrantStatus> grants;
	for (const auto& grant : host.device.list())
		grants.push_back(inspect_kernel(host, domains, grant));
	try {
		return inspect(host, domains, select(grants, name, domains).grant);
	} catch (const Error& error) {
		if (error.kind() != kind::no_grant)
			throw;
	}
	// It may be a publication without a grant.
	return select(take_inventory(host, domains, Ask::unsettled), name, domains);
}

} // namespace iomemgrant
