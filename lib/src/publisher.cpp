// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/publisher.h>

#include <fmt/format.h>

#include <iomemgrant/error.h>

namespace iomemgrant
{

namespace
{

using Access = NodePermission::Access;

void write_nodes(XenStoreTransaction& transaction, const std::string& directory, const Nodes& nodes)
{
	for (const auto& [key, value] : nodes)
		transaction.write(fmt::format("{}/{}", directory, key), value);
}

// Another command may have used the label since the caller looked; inside the transaction none can.
void require_label_free(XenStoreTransaction& transaction, const PublicationPath& path,
	const Uuid& uuid, const Label& label)
{
	const auto grantee = path.grantee();
	for (const auto& name :
		transaction.directory(PublicationPath::backends(path.granter(), grantee))) {
		const auto id = GrantId::parse(name);
		if (!id || *id == path.id())
			continue;
		const PublicationPath other(path.granter(), grantee, *id);
		if (transaction.read(other.backend("label")) == label.str() &&
			transaction.read(other.backend("uuid")) == uuid.str())
			throw Error(kind::label_in_use,
				fmt::format("domain {} already has a grant labelled '{}' ({})",
					grantee.value(), label.str(), id->str()),
				fmt::format("revoke {} or choose another label", id->str()));
	}
}

void require_still_true(XenStoreTransaction& transaction, const PublicationPath& path,
	const Publication& publication)
{
	// Writing would bring the tree of a domain that has died back to life.
	if (!transaction.read(PublicationPath::home(path.grantee())))
		throw Error(kind::no_domain, fmt::format("domain {} is gone", path.grantee().value()));
	if (publication.label)
		require_label_free(transaction, path, publication.uuid, *publication.label);
}

void publish_one(XenStoreTransaction& transaction, const PublicationPath& path,
	const Publication& publication)
{
	const auto granter = path.granter();
	const auto grantee = path.grantee();
	// Children inherit, so one request per directory settles the permissions of all nodes.
	const NodePermissions backend = {{granter, Access::none}, {grantee, Access::read}};
	const NodePermissions frontend = {{grantee, Access::none}, {granter, Access::read}};

	require_still_true(transaction, path, publication);
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

void publish(
	XenStore& store, const std::vector<std::pair<PublicationPath, Publication>>& publications)
{
	store.transact([&](XenStoreTransaction& transaction) {
		for (const auto& [path, publication] : publications)
			publish_one(transaction, path, publication);
	});
}

void set_label(
	XenStore& store, const PublicationPath& path, const Uuid& grantee, const Label& label)
{
	store.transact([&](XenStoreTransaction& transaction) {
		// Writing would bring a removed directory back to life.
		if (!transaction.read(path.backend("state")))
			throw Error(kind::no_grant,
				fmt::format("{} was withdrawn while it was labelled", path.id().str()),
				"xen-iomemgrant list");
		require_label_free(transaction, path, grantee, label);
		transaction.write(path.backend("label"), label.str());
	});
}

void announce_closing(XenStore& store, const PublicationPath& path)
{
	store.transact([&](XenStoreTransaction& transaction) {
		// Writing would bring a removed directory back to life.
		const auto state = transaction.read(path.backend("state"));
		if (!state || decode_state(state) == XenbusState::closing ||
			decode_state(state) == XenbusState::closed)
			return;
		transaction.write(path.backend("state"), encode_state(XenbusState::closing));
	});
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
