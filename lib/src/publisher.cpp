// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/publisher.h>

#include <fmt/format.h>

namespace iomemgrant
{

namespace
{

using Access = NodePermission::Access;

void write_nodes(
	XenStoreTransaction& transaction, const std::string& directory, const Nodes& nodes)
{
	for (const auto& [key, value] : nodes)
		transaction.write(fmt::format("{}/{}", directory, key), value);
}

void publish_one(XenStoreTransaction& transaction, const PublicationPath& path,
	const Publication& publication)
{
	const auto granter = path.granter();
	const auto grantee = path.grantee();
	// Children inherit, so one request per directory settles the permissions of all nodes.
	const NodePermissions backend = {{granter, Access::none}, {grantee, Access::read}};
	const NodePermissions frontend = {{grantee, Access::none}, {granter, Access::read}};

	// What an earlier life of this id left must not mix with what we write.
	transaction.remove(path.backend());
	transaction.remove(path.frontend());
	transaction.make_directory(PublicationPath::backends(granter, grantee), backend);
	transaction.make_directory(path.backend(), backend);
	transaction.make_directory(path.frontend(), frontend);
	write_nodes(transaction, path.backend(), encode_backend(path, publication));
	write_nodes(transaction, path.frontend(), encode_frontend(path));
}

void remove_if_empty(XenStoreTransaction& transaction, const std::string& path)
{
	if (transaction.directory(path).empty())
		transaction.remove(path);
}

void remove_empty_parents(XenStoreTransaction& transaction, Domid granter, Domid grantee)
{
	remove_if_empty(transaction, PublicationPath::frontends(grantee));
	remove_if_empty(transaction, PublicationPath::backends(granter, grantee));
	remove_if_empty(transaction, PublicationPath::backends(granter));
	// As libxl does when the last device of a backend domain goes.
	remove_if_empty(transaction, PublicationPath::home(granter, "backend"));
}

void withdraw_one(XenStoreTransaction& transaction, const PublicationPath& path)
{
	transaction.remove(path.frontend());
	transaction.remove(path.backend());
	remove_empty_parents(transaction, path.granter(), path.grantee());
}

} // namespace

void publish(XenStore& store,
	const std::vector<std::pair<PublicationPath, Publication>>& publications)
{
	store.transact([&](XenStoreTransaction& transaction) {
		for (const auto& [path, publication] : publications)
			publish_one(transaction, path, publication);
	});
}

void announce_closing(XenStore& store, const PublicationPath& path)
{
	store.transact([&](XenStoreTransaction& transaction) {
		// Writing would bring a removed directory back to life.
		const auto state = transaction.read(path.backend("state"));
		if (state && decode_state(state) != XenbusState::closing)
			transaction.write(path.backend("state"), encode_state(XenbusState::closing));
	});
}

void withdraw(XenStore& store, const std::vector<PublicationPath>& paths)
{
	if (paths.empty())
		return;
	store.transact([&](XenStoreTransaction& transaction) {
		for (const auto& path : paths)
			withdraw_one(transaction, path);
	});
}

void remove_empty_directories(XenStore& store, Domid granter, Domid grantee)
{
	store.transact([&](XenStoreTransaction& transaction) {
		remove_empty_parents(transaction, granter, grantee);
	});
}

} // namespace iomemgrant
