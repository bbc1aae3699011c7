// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_XENSTORE_H
#define IOMEMGRANT_XENSTORE_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/values/domid.h"

namespace iomemgrant
{

/// One entry of a node's permissions.  The first entry of a list names the owner, who may always
/// do everything, and what domains without an entry may do.
struct NodePermission {
	enum class Access { none, read, write, both };

	Domid domid{0};
	Access access = Access::none;

	friend bool operator==(const NodePermission&, const NodePermission&) = default;
};
using NodePermissions = std::vector<NodePermission>;

/// The requests inside a transaction.  Other domains see none of them before it commits.
class XenStoreTransaction
{
public:
	virtual ~XenStoreTransaction() = default;

	virtual std::optional<std::string> read(const std::string& path) = 0;
	/// Names of the children; empty when there are none or no such node.
	virtual std::vector<std::string> directory(const std::string& path) = 0;
	/// Gives each node its value, in this order.  Creates the node and missing parents; a new
	/// node inherits its parent's permissions.  It is far quicker than one call for each.
	virtual void write(const std::vector<std::pair<std::string, std::string>>& nodes) = 0;
	void write(const std::string& path, const std::string& value) { write({{path, value}}); }
	/// Creates an empty node with these permissions; its later children inherit them.
	virtual void make_directory(
		const std::string& path, const NodePermissions& permissions) = 0;
	/// Removes the node and everything below it; no error when it is not there.
	virtual void remove(const std::string& path) = 0;
};

/// A domain's quotas in XenStore and its use of them.  Absent: this xenstored does not say.
struct XenStoreQuota {
	std::optional<std::uint64_t> max_nodes;
	std::optional<std::uint64_t> nodes;
	std::optional<std::uint64_t> max_node_size;
	std::optional<std::uint64_t> max_watches{};
	std::optional<std::uint64_t> watches{};
};

/// Keeps a watch registered while it lives.
class XenStoreWatch
{
public:
	virtual ~XenStoreWatch() = default;
};

/// XenStore, as this project needs it.  Failures other than "no such node" throw Error;
/// a node that this domain may not read counts as absent.
class XenStore
{
public:
	virtual ~XenStore() = default;

	virtual std::optional<std::string> read(const std::string& path) = 0;
	/// Names of the children; empty when there are none or no such node.
	virtual std::vector<std::string> directory(const std::string& path) = 0;
	virtual void write(const std::string& path, const std::string& value) = 0;
	/// Removes each node and everything below it, in this order; no error when it is not there.
	/// An error of one is thrown when the others are removed.  It is far quicker than one call
	/// for each.
	virtual void remove(const std::vector<std::string>& paths) = 0;
	virtual NodePermissions permissions(const std::string& path) = 0;
	/// Dom0 alone may ask; the domain without privilege is @domid.
	virtual XenStoreQuota quota(Domid domid) = 0;

	/// Runs @body in a transaction and commits it.  When xenstored reports a conflict, @body is
	/// run again, a bounded number of times.  When @body throws, nothing has changed.
	virtual void transact(const std::function<void(XenStoreTransaction&)>& body) = 0;

	/// Watches @path and everything below it.  Fires once at registration.
	[[nodiscard]] virtual std::unique_ptr<XenStoreWatch> watch(const std::string& path) = 0;
	/// Sleeps until any watch fires or @also becomes readable (true), or @limit has passed
	/// (false).  Throws Error interrupted when the user wants to stop.
	virtual bool wait(std::chrono::milliseconds limit, int also) = 0;
	bool wait(std::chrono::milliseconds limit) { return wait(limit, -1); }

	/// For event loops: readable when a watch may have fired.
	virtual int fd() = 0;
	/// Takes the events that have arrived, without sleeping.  False: there were none.
	virtual bool take_events() = 0;
};

} // namespace iomemgrant

#endif
