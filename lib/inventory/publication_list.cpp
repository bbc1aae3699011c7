// SPDX-License-Identifier: LGPL-2.1-or-later
// Finds the publications of grants.  Two grants never have the same references, so these decide, as
// they do for the kernel module; but a publication that its grant left behind may name references
// that a later grant has.  So a grant's own number is looked at first, and no lower one at all.
#include "lib/inventory/publication_list.h"

#include <algorithm>
#include <map>
#include <string>

namespace iomemgrant
{

namespace
{

std::optional<std::string> refs_at(Host& host, const PublicationPath& path)
{
	return host.store.read(path.backend("refs"));
}

std::string refs_of(const Grant& grant)
{
	return encode_refs({grant.refs});
}

// Guests that have a publication under the id of none of their grants.
std::set<Domid> find_doubtful(
	Domid granter, const PublicationPaths& paths, const std::vector<GrantStatus>& grants)
{
	PublicationPaths expected;
	for (const auto& status : grants)
		expected.insert({granter, status.grant.domid, status.grant.id});
	std::set<Domid> doubtful;
	for (const auto& path : paths) {
		if (!expected.contains(path))
			doubtful.insert(path.grantee());
	}
	return doubtful;
}

} // namespace

void match_publications(Host& host, const PublicationPaths& paths, std::vector<GrantStatus>& grants)
{
	const auto doubtful = find_doubtful(host.self, paths, grants);
	std::map<PublicationPath, std::string> refs;
	for (const auto& path : paths) {
		if (doubtful.contains(path.grantee()))
			refs[path] = refs_at(host, path).value_or("");
	}
	for (auto& status : grants) {
		const auto& grant = status.grant;
		const PublicationPath usual(host.self, grant.domid, grant.id);
		// In order of number, from the grant's own on.
		const auto found = std::find_if(refs.lower_bound(usual), refs.end(),
			[wanted = refs_of(grant), &grant](const auto& entry) {
				return entry.first.grantee() == grant.domid &&
				       entry.second == wanted;
			});
		if (found != refs.end())
			status.devid = found->first.id();
		// A publication that was fenced has no references, but the number of its grant.
		status.published = paths.contains(status.path(host.self));
	}
}

std::optional<GrantId> find_devid(Host& host, const Grant& grant)
{
	const PublicationPath usual(host.self, grant.domid, grant.id);
	const auto wanted = refs_of(grant);
	const auto refs = refs_at(host, usual);
	if (refs == wanted)
		return grant.id;
	const auto directory = PublicationPath::backends(host.self, grant.domid);
	for (const auto& name : host.store.directory(directory)) {
		const auto number = GrantId::parse(name);
		if (number && name[0] != 'g' && *number > grant.id &&
			refs_at(host, {host.self, grant.domid, *number}) == wanted)
			return number;
	}
	// Fenced, or broken; with other references it is the publication of another grant.
	if (!refs && host.store.read(usual.backend()))
		return grant.id;
	return std::nullopt;
}

} // namespace iomemgrant
