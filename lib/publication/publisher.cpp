// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/publication/publisher.h"

#include <map>
#include <set>

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

using Access = NodePermission::Access;

Nodes below(const std::string& directory, Nodes nodes)
{
	for (auto& [key, value] : nodes)
		key = fmt::format("{}/{}", directory, key);
	return nodes;
}

using Names = std::set<std::string>;

Names children(XenStoreTransaction& transaction, const std::string& directory)
{
	const auto names = transaction.directory(directory);
	return {names.begin(), names.end()};
}

// The domain was looked at before, but only in the transaction can no other change it any more.
// Returns the numbers of devices that are taken: publications that the grantee has of this granter,
// and all its frontends.
Names prepare(XenStoreTransaction& transaction, Domid granter, Domid grantee)
{
	// Writing would bring the tree of a domain that has died back to life.
	if (!transaction.read(PublicationPath::home(grantee)))
		throw Error(kind::no_domain, fmt::format("domain {} is gone", grantee.value()));
	const auto directory = PublicationPath::backends(granter, grantee);
	auto taken = children(transaction, directory);
	taken.merge(children(transaction, PublicationPath::frontends(grantee)));
	// Children inherit, so this settles the permissions of all backends.
	transaction.make_directory(directory, {{granter, Access::none}, {grantee, Access::read}});
	return taken;
}

// Takes the number that @wanted has, or the next one that is free.  A device that is there stays,
// even if its grant has ended: xenbus in the guest would not notice that another took its place.
PublicationPath take_number(PublicationPath wanted, Names& taken)
{
	while (!taken.insert(wanted.name()).second)
		wanted = {wanted.granter(), wanted.grantee(), GrantId(wanted.id().value() + 1)};
	return wanted;
}

void publish_one(XenStoreTransaction& transaction, const PublicationPath& path,
	const Publication& publication)
{
	transaction.make_directory(
		path.frontend(), {{path.grantee(), Access::none}, {path.granter(), Access::read}});
	transaction.write(below(path.backend(), encode_backend(path, publication)));
	transaction.write(below(path.frontend(), encode_frontend(path)));
}

bool remove_if_empty(XenStoreTransaction& transaction, const std::string& path)
{
	const bool empty = transaction.directory(path).empty();
	if (empty)
		transaction.remove(path);
	return empty;
}

// A directory that is not empty keeps those above it, so the look ends there.  As libxl does,
// `backend` goes with the last device of a backend domain.
void remove_empty_of(XenStoreTransaction& transaction, Domid granter, Domid grantee)
{
	(void)remove_if_empty(transaction, PublicationPath::frontends(grantee));
	if (remove_if_empty(transaction, PublicationPath::backends(granter, grantee)) &&
		remove_if_empty(transaction, PublicationPath::backends(granter)))
		(void)remove_if_empty(transaction, PublicationPath::home(granter, "backend"));
}

} // namespace

std::vector<PublicationPath> publish(
	XenStore& store, const std::vector<std::pair<PublicationPath, Publication>>& publications)
{
	std::vector<PublicationPath> paths;
	store.transact([&](XenStoreTransaction& transaction) {
		paths.clear();
		std::map<std::pair<Domid, Domid>, Names> taken;
		for (const auto& [path, publication] : publications) {
			const std::pair domains{path.granter(), path.grantee()};
			if (!taken.contains(domains))
				taken[domains] =
					prepare(transaction, path.granter(), path.grantee());
			paths.push_back(take_number(path, taken[domains]));
			publish_one(transaction, paths.back(), publication);
		}
	});
	return paths;
}

void set_label(XenStore& store, const PublicationPath& path, const Label& label)
{
	store.transact([&](XenStoreTransaction& transaction) {
		// Writing would bring a removed directory back to life.
		if (!transaction.read(path.backend("state")))
			throw Error(kind::no_grant,
				fmt::format(
					"{} was withdrawn while it was labelled", path.id().str()),
				"xen-iomemgrant list");
		transaction.write(path.backend("label"), label.str());
	});
}

bool announce_closing(XenStore& store, const PublicationPath& path, XenbusState seen)
{
	auto state = seen;
	if (state == XenbusState::unknown) {
		const auto now = store.read(path.backend("state"));
		if (!now)
			return false;
		state = decode_state(now);
	}
	if (state != XenbusState::closing && state != XenbusState::closed)
		store.write(path.backend("state"), encode_state(XenbusState::closing));
	return true;
}

std::set<PublicationPath> announce_closing(
	XenStore& store, const std::vector<PublicationPath>& paths)
{
	std::set<PublicationPath> asked;
	if (paths.empty())
		return asked;
	store.transact([&](XenStoreTransaction& transaction) {
		asked.clear();
		const auto& first = paths.front();
		const auto names = children(
			transaction, PublicationPath::backends(first.granter(), first.grantee()));
		Nodes states;
		for (const auto& path : paths) {
			if (!names.contains(path.name()))
				continue;
			states.push_back(
				{path.backend("state"), encode_state(XenbusState::closing)});
			asked.insert(path);
		}
		transaction.write(states);
	});
	return asked;
}

void fence(XenStore& store, const PublicationPath& path)
{
	store.transact([&](XenStoreTransaction& transaction) {
		if (!transaction.read(path.backend("state")))
			return;
		transaction.remove(path.backend("refs"));
		transaction.remove(path.backend("ref-directory"));
		transaction.write(path.backend("state"), encode_state(XenbusState::closed));
	});
}

void withdraw(XenStore& store, const PublicationPath& path)
{
	store.transact([&](XenStoreTransaction& transaction) {
		transaction.remove(path.frontend());
		transaction.remove(path.backend());
		remove_empty_of(transaction, path.granter(), path.grantee());
	});
}

void withdraw_beside_others(XenStore& store, const std::vector<PublicationPath>& paths)
{
	std::vector<std::string> directories;
	for (const auto& path : paths) {
		directories.push_back(path.frontend());
		directories.push_back(path.backend());
	}
	store.remove(directories);
}

void remove_empty_directories(XenStore& store, Domid granter, Domid grantee)
{
	store.transact([&](XenStoreTransaction& transaction) {
		remove_empty_of(transaction, granter, grantee);
	});
}

} // namespace iomemgrant
