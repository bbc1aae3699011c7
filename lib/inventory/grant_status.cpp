// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/inventory/grant_status.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/inventory/publication_list.h"
#include "lib/text/enum_names.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

void read_publication(Host& host, GrantStatus& status)
{
	const auto path = status.path(host.self);
	const auto backend_state = host.store.read(path.backend("state"));
	status.asked = true;
	status.published = backend_state.has_value();
	if (!status.published)
		return;
	status.backend_state = decode_state(backend_state);
	status.guest = decode_frontend(
		[&](std::string_view key) { return host.store.read(path.frontend(key)); });
}

// @domain is who has the id now.
void identify_domain(const std::optional<DomainInfo>& domain, GrantStatus& status)
{
	status.domain.id = status.grant.domid;
	status.domain.uuid = status.grant.uuid;
	if (!domain || domain->dying || !made_for(status.grant, *domain))
		return;
	status.domain = *domain;
	status.domain_alive = true;
}

GrantStatus describe(const Host& host, const std::optional<DomainInfo>& domain, const Grant& grant)
{
	GrantStatus status;
	status.grant = grant;
	status.in_kernel = true;
	status.label = grant.label;
	status.cache = grant.cache;
	status.other_device = successor(host.pci, grant);
	status.device_present = host.pci.contains(grant.region.sbdf) && !status.other_device;
	identify_domain(domain, status);
	return status;
}

bool by_id(const GrantStatus& a, const GrantStatus& b)
{
	return a.grant.id < b.grant.id;
}

// Whether nothing that XenStore says could change what there is to tell.
bool is_settled(const Grant& grant)
{
	return grant.state == Grant::State::live && grant.refs.count &&
	       grant.nr_mapped == grant.refs.count;
}

PublicationPaths publications_of(Host& host)
{
	const auto publications = list_publications(host);
	return {publications.begin(), publications.end()};
}

// The module counted before XenStore was read.  A page that a guest mapped in between does not
// contradict its words.
void update_counts(Host& host, std::vector<GrantStatus>& grants)
{
	const auto differs = [](const GrantStatus& status) {
		return status.asked && status.grant.nr_mapped &&
		       status.guest.mapped_pages.value_or(0) != *status.grant.nr_mapped;
	};
	if (std::ranges::none_of(grants, differs))
		return;
	std::map<GrantId, std::optional<std::uint32_t>> counts;
	for (const auto& grant : host.device.list())
		counts[grant.id] = grant.nr_mapped;
	for (auto& status : grants) {
		if (const auto now = counts.find(status.grant.id); now != counts.end())
			status.grant.nr_mapped = now->second;
	}
}

void add_orphans(Host& host, Domains& domains, const PublicationPaths& publications,
	std::vector<GrantStatus>& grants)
{
	PublicationPaths known;
	for (const auto& status : grants)
		known.insert(status.path(host.self));
	for (const auto& path : publications) {
		if (known.contains(path))
			continue;
		auto status = inspect_orphan(host, domains, path);
		// Another program may have withdrawn it meanwhile.
		if (status.published)
			grants.push_back(std::move(status));
	}
}

constexpr EnumName<GrantState> state_names[] = {
	{GrantState::offered, "offered"},
	{GrantState::mapped, "mapped"},
	{GrantState::revoking, "revoking"},
	{GrantState::orphaned, "orphaned"},
	{GrantState::lost, "lost"},
	{GrantState::unpublished, "unpublished"},
};

} // namespace

std::vector<PublicationPath> list_publications(Host& host)
{
	std::vector<PublicationPath> publications;
	for (const auto& domain : host.store.directory(PublicationPath::backends(host.self))) {
		const auto domid = Domid::parse(domain);
		if (!domid)
			continue;
		for (const auto& name :
			host.store.directory(PublicationPath::backends(host.self, *domid))) {
			const auto id = GrantId::parse(name);
			if (id && name[0] != 'g')
				publications.emplace_back(host.self, *domid, *id);
		}
	}
	return publications;
}

std::string_view to_string(GrantState state)
{
	return name_in(state_names, state);
}

GrantState GrantStatus::state() const
{
	if (!in_kernel || !domain_alive)
		return GrantState::orphaned;
	if (grant.state == Grant::State::lost)
		return GrantState::lost;
	if (grant.state == Grant::State::ending || backend_state == XenbusState::closing ||
		backend_state == XenbusState::closed)
		return GrantState::revoking;
	if (mapped_pages())
		return GrantState::mapped;
	return published ? GrantState::offered : GrantState::unpublished;
}

std::uint64_t GrantStatus::mapped_pages() const
{
	if (!in_kernel)
		return 0;
	if (grant.nr_mapped)
		return *grant.nr_mapped;
	if (guest.state != XenbusState::connected)
		return 0;
	return std::min(guest.mapped_pages.value_or(0), grant.region.nr_pages());
}

GrantStatus inspect(Host& host, Domains& domains, const Grant& grant)
{
	auto status = inspect_kernel(host, domains, grant);
	status.devid = find_devid(host, grant);
	status.asked = true;
	if (status.devid)
		read_publication(host, status);
	return status;
}

GrantStatus inspect_kernel(Host& host, Domains& domains, const Grant& grant)
{
	return describe(host, domains.find(grant.domid), grant);
}

GrantStatus inspect_orphan(Host& host, Domains& domains, const PublicationPath& path)
{
	GrantStatus status;
	status.grant.id = path.id();
	status.grant.domid = path.grantee();
	try {
		const auto publication = decode_backend(
			[&](std::string_view key) { return host.store.read(path.backend(key)); });
		status.grant.region = publication.region;
		status.grant.uuid = publication.uuid;
		status.cache = publication.cache;
		status.label = publication.label;
	} catch (const Error&) {
		// Half-written or foreign: it is shown all the same, so that it can be removed.
	}
	identify_domain(domains.find(path.grantee()), status);
	read_publication(host, status);
	// A directory without a state is a publication all the same, if a broken one.
	status.published = status.published || host.store.read(path.backend());
	return status;
}

std::vector<GrantStatus> take_kernel_inventory(Host& host)
{
	std::vector<GrantStatus> grants;
	for (const auto& grant : host.device.list())
		grants.push_back(describe(host, host.hypervisor.domain(grant.domid), grant));
	std::stable_sort(grants.begin(), grants.end(), by_id);
	return grants;
}

std::vector<GrantStatus> take_inventory(Host& host, Domains& domains, Ask ask)
{
	// In this order a grant made meanwhile is no orphan: a publisher has granted before.
	const auto before = publications_of(host);
	std::vector<GrantStatus> grants;
	for (const auto& grant : host.device.list())
		grants.push_back(inspect_kernel(host, domains, grant));
	match_publications(host, before, grants);
	// A grant that is not there may have been published since.
	if (!std::ranges::all_of(grants, &GrantStatus::published))
		match_publications(host, publications_of(host), grants);
	for (auto& status : grants) {
		if (status.published && (ask == Ask::all || !is_settled(status.grant)))
			read_publication(host, status);
	}
	update_counts(host, grants);
	add_orphans(host, domains, before, grants);
	std::stable_sort(grants.begin(), grants.end(), by_id);
	return grants;
}

} // namespace iomemgrant
