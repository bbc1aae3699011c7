// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/inventory/domains.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/publication/publication.h"
#include "lib/text/closest.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

std::string names_like(const std::string& wanted, const std::vector<DomainInfo>& domains)
{
	std::vector<std::string> names;
	for (const auto& domain : domains)
		names.push_back(domain.name);
	const auto near = closest(wanted, names, std::max<std::size_t>(2, wanted.size() / 2));
	return near.empty() ? "xl list" : fmt::format("closest: {}", fmt::join(near, ", "));
}

bool lives(const DomainInfo& domain)
{
	return !domain.dying;
}

std::string all_of(const std::vector<DomainInfo>& domains)
{
	std::vector<std::string> names;
	for (const auto& domain : domains)
		names.push_back(domain.uuid.known() ? fmt::format("id:{} (uuid:{})",
							      domain.id.value(), domain.uuid.str())
						    : fmt::format("id:{}", domain.id.value()));
	return fmt::format("{}", fmt::join(names, " or "));
}

} // namespace

bool is_still(Host& host, const DomainInfo& domain)
{
	const auto now = host.hypervisor.domain(domain.id);
	return now && !now->dying && now->uuid == domain.uuid;
}

bool made_for(const Grant& grant, const DomainInfo& domain)
{
	// Only the UUID tells, where it is known.
	return grant.domid == domain.id &&
	       (!grant.uuid.known() || !domain.uuid.known() || grant.uuid == domain.uuid);
}

std::string Domains::name_of(Domid id)
{
	return host_.store.read(PublicationPath::home(id, "name")).value_or("");
}

std::optional<DomainInfo> Domains::find(Domid id)
{
	const auto known = found_.find(id);
	if (known != found_.end())
		return known->second;
	auto domain = host_.hypervisor.domain(id);
	if (domain)
		domain->name = name_of(id);
	found_[id] = domain;
	return domain;
}

std::string Domains::short_name_of(Domid id)
{
	const auto domain = find(id);
	return domain ? short_name(*domain) : fmt::format("d{}", id.value());
}

const std::vector<DomainInfo>& Domains::all()
{
	if (!all_) {
		all_ = host_.hypervisor.domains();
		for (auto& domain : *all_)
			domain.name = name_of(domain.id);
	}
	return *all_;
}

DomainInfo Domains::resolve(const DomainSpec& spec)
{
	switch (spec.by) {
	case DomainSpec::By::id:
		return by_id(spec);
	case DomainSpec::By::uuid:
		return by_uuid(spec);
	case DomainSpec::By::name:
		break;
	}
	return by_name(spec.text);
}

DomainInfo Domains::by_id(const DomainSpec& spec)
{
	const auto found = find(spec.id);
	if (!spec.is_explicit) {
		for (const auto& domain : all()) {
			if (domain.name != spec.text || domain.id == spec.id)
				continue;
			throw Error(kind::ambiguous_domain,
				fmt::format("'{0}' is domain id {0}{1} but a domain is also NAMED "
					    "'{0}' (id {2})",
					spec.text, found ? fmt::format(" ({})", found->name) : "",
					domain.id.value()),
				fmt::format("use id:{0} or name:{0}", spec.text));
		}
	}
	if (!found)
		throw Error(kind::no_domain, fmt::format("no domain with id {}", spec.id.value()),
			"xl list");
	return *found;
}

DomainInfo Domains::by_uuid(const DomainSpec& spec)
{
	const DomainInfo* found = nullptr;
	for (const auto& domain : all()) {
		if (domain.uuid != spec.uuid)
			continue;
		// The remains of the guest before its last reboot have the same UUID.
		if (found && !found->dying && !domain.dying)
			throw Error(kind::ambiguous_domain,
				fmt::format("domains {} and {} both have UUID {}",
					found->id.value(), domain.id.value(), spec.uuid.str()),
				"name it by its id");
		if (!found || found->dying)
			found = &domain;
	}
	if (found)
		return *found;
	throw Error(
		kind::no_domain, fmt::format("no domain with UUID {}", spec.uuid.str()), "xl list");
}

DomainInfo Domains::by_name(const std::string& name)
{
	std::vector<DomainInfo> named;
	for (const auto& domain : all()) {
		if (domain.name == name)
			named.push_back(domain);
	}
	// A domain that has died keeps its name until the last of its memory is free.
	if (std::any_of(named.begin(), named.end(), lives))
		std::erase_if(named, [](const DomainInfo& domain) { return !lives(domain); });
	else if (!named.empty())
		named.resize(1);
	if (named.size() == 1)
		return named.front();
	if (!named.empty())
		throw Error(kind::ambiguous_domain,
			fmt::format("{} domains are named '{}'", named.size(), name),
			"use " + all_of(named))
			.with("domain", name);
	throw Error(
		kind::no_domain, fmt::format("no domain named '{}'", name), names_like(name, all()))
		.with("domain", name);
}

} // namespace iomemgrant
