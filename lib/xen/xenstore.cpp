// SPDX-License-Identifier: LGPL-2.1-or-later
// The requests this project makes of xenstored, and what its answers mean.
#include "lib/host/real.h"

#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <poll.h>

#include "lib/values/error.h"
#include "lib/xen/xenstore_connection.h"
#include "lib/xen/xenstore_words.h"

namespace iomemgrant
{

namespace
{

// A conflict means that another program changed what this one read.  A hundred in a row are no
// accident.
constexpr int max_commits = 100;
// Guests share a small number of transactions; dom0 has no quota but a restarted daemon may lag.
constexpr int max_starts = 5;
constexpr std::uint32_t no_transaction = 0;

/// One connection, inside or outside of a transaction.
class Requests
{
public:
	Requests(XenStoreConnection& connection, std::uint32_t transaction)
		: connection_(connection), transaction_(transaction)
	{
	}

	std::optional<std::string> read(const std::string& path)
	{
		const auto what = fmt::format("read XenStore node {}", path);
		auto answer = ask(XS_READ, joined({path}), what);
		if (answer)
			return std::move(answer.payload);
		if (is_absent(answer.error))
			return std::nullopt;
		throw store_error(answer.error, what);
	}

	std::vector<std::string> directory(const std::string& path)
	{
		const auto what = fmt::format("list XenStore node {}", path);
		const auto answer = ask(XS_DIRECTORY, joined({path}), what);
		if (answer)
			return split(answer.payload);
		if (answer.error == "E2BIG")
			return directory_in_parts(path, what);
		if (is_absent(answer.error))
			return {};
		throw store_error(answer.error, what);
	}

	void write(const std::vector<std::pair<std::string, std::string>>& nodes)
	{
		std::vector<XenStoreRequest> requests;
		for (const auto& [path, value] : nodes)
			requests.push_back({XS_WRITE, joined({path}) + value,
				fmt::format("write XenStore node {}", path)});
		require_all(requests);
	}

	void remove(const std::vector<std::string>& paths)
	{
		std::vector<XenStoreRequest> requests;
		for (const auto& path : paths)
			requests.push_back({XS_RM, joined({path}),
				fmt::format("remove XenStore node {}", path)});
		require_all(requests, "ENOENT");
	}

	/// Throws the first error but @accepted, when all requests have been answered.
	void require_all(
		const std::vector<XenStoreRequest>& requests, std::string_view accepted = "")
	{
		const auto answers = connection_.ask(transaction_, requests);
		for (std::size_t i = 0; i < answers.size(); i++) {
			if (answers[i].error != accepted && !answers[i])
				throw store_error(answers[i].error, requests[i].what);
		}
	}

	void require(xsd_sockmsg_type type, const std::string& payload, const std::string& what)
	{
		if (const auto answer = ask(type, payload, what); !answer)
			throw store_error(answer.error, what);
	}

	XenStoreAnswer ask(
		xsd_sockmsg_type type, const std::string& payload, const std::string& what)
	{
		return connection_.ask(type, transaction_, payload, what);
	}

private:
	// Names that do not fit into one answer come in several, each with the generation of the
	// node, which another program may change in between.  An empty name is the end.
	std::vector<std::string> directory_in_parts(
		const std::string& path, const std::string& what)
	{
		std::string names, generation;
		while (true) {
			const auto offset = fmt::format("{}", names.size());
			const auto answer = ask(XS_DIRECTORY_PART, joined({path, offset}), what);
			if (!answer && is_absent(answer.error))
				return {};
			if (!answer)
				throw store_error(answer.error, what);
			const auto end = answer.payload.find('\0');
			if (end == std::string::npos || end + 1 == answer.payload.size())
				throw store_error("EIO", what);
			const bool same = answer.payload.substr(0, end) == generation;
			generation = answer.payload.substr(0, end);
			if (!names.empty() && !same) {
				names.clear();
				continue;
			}
			names += answer.payload.substr(end + 1);
			if (names.size() < 2 || names.ends_with(std::string_view("\0\0", 2)))
				break;
		}
		names.pop_back();
		return split(names);
	}

	XenStoreConnection& connection_;
	std::uint32_t transaction_;
};

class RealTransaction final : public XenStoreTransaction
{
public:
	explicit RealTransaction(XenStoreConnection& connection)
		: id_(start(connection)), requests_(connection, id_)
	{
	}
	RealTransaction(const RealTransaction&) = delete;
	RealTransaction& operator=(const RealTransaction&) = delete;
	~RealTransaction() override
	{
		// The body or the commit has thrown; xenstored drops the transaction with the
		// connection in any case.
		if (id_ == no_transaction)
			return;
		try {
			(void)requests_.ask(
				XS_TRANSACTION_END, joined({"F"}), "abort a XenStore transaction");
		} catch (const Error&) {
		}
	}

	/// False: another program interfered, start again.
	bool commit()
	{
		const auto what = "commit a XenStore transaction";
		id_ = no_transaction;
		const auto answer = requests_.ask(XS_TRANSACTION_END, joined({"T"}), what);
		if (answer)
			return true;
		if (answer.error == "EAGAIN")
			return false;
		throw store_error(answer.error, what);
	}

	std::optional<std::string> read(const std::string& path) override
	{
		return requests_.read(path);
	}

	std::vector<std::string> directory(const std::string& path) override
	{
		return requests_.directory(path);
	}

	using XenStoreTransaction::write;

	void write(const std::vector<std::pair<std::string, std::string>>& nodes) override
	{
		requests_.write(nodes);
	}

	void make_directory(const std::string& path, const NodePermissions& permissions) override
	{
		requests_.require(
			XS_MKDIR, joined({path}), fmt::format("make XenStore node {}", path));
		auto list = joined({path});
		for (const auto& permission : permissions)
			list += joined({fmt::format("{}{}", permission_letter(permission.access),
				permission.domid.value())});
		requests_.require(XS_SET_PERMS, list,
			fmt::format("set permissions of XenStore node {}", path));
	}

	void remove(const std::string& path) override { requests_.remove({path}); }

private:
	static std::uint32_t start(XenStoreConnection& connection)
	{
		const std::string what = "start a XenStore transaction";
		Requests requests(connection, no_transaction);
		for (int i = 0;; i++) {
			const auto answer = requests.ask(XS_TRANSACTION_START, joined({""}), what);
			const auto id = answer ? number_at(answer.payload) : std::nullopt;
			if (id && *id != no_transaction)
				return static_cast<std::uint32_t>(*id);
			// All transactions this domain may have are in use.  There is no event for
			// one becoming free.
			if (answer || !is_quota(answer.error) || i + 1 == max_starts)
				throw store_error(answer ? "EIO" : answer.error, what);
			std::this_thread::sleep_for(std::chrono::milliseconds(10 << i));
		}
	}

	std::uint32_t id_;
	Requests requests_;
};

class RealWatch final : public XenStoreWatch
{
public:
	RealWatch(XenStoreConnection& connection, const std::string& path)
		: requests_(connection, no_transaction), path_(path)
	{
		// The token tells this watch of a path from another of the same path.
		static std::uint64_t last_token = 0;
		token_ = fmt::format("{}", ++last_token);
		requests_.require(XS_WATCH, joined({path_, token_}),
			fmt::format("watch XenStore node {}", path_));
	}
	RealWatch(const RealWatch&) = delete;
	RealWatch& operator=(const RealWatch&) = delete;
	~RealWatch() override
	{
		try {
			// A watch that cannot be taken back only costs a spurious wake-up.
			(void)requests_.ask(XS_UNWATCH, joined({path_, token_}),
				fmt::format("unwatch XenStore node {}", path_));
		} catch (const Error&) {
			// xenstored takes it back with the connection.
		}
	}

private:
	Requests requests_;
	std::string path_;
	std::string token_;
};

class RealXenStore final : public XenStore
{
public:
	explicit RealXenStore(XenStorePatience patience)
		: connection_(XenStorePlaces(), patience), wake_fd_(patience.wake_fd)
	{
	}

	std::optional<std::string> read(const std::string& path) override
	{
		return requests_.read(path);
	}

	std::vector<std::string> directory(const std::string& path) override
	{
		return requests_.directory(path);
	}

	void write(const std::string& path, const std::string& value) override
	{
		requests_.write({{path, value}});
	}

	void remove(const std::vector<std::string>& paths) override { requests_.remove(paths); }

	NodePermissions permissions(const std::string& path) override
	{
		const auto what = fmt::format("read permissions of XenStore node {}", path);
		const auto answer = requests_.ask(XS_GET_PERMS, joined({path}), what);
		if (!answer)
			throw store_error(answer.error, what);
		NodePermissions permissions;
		for (const auto& entry : split(answer.payload)) {
			const auto domid =
				entry.empty() ? std::nullopt : number_at(entry.substr(1));
			if (!domid)
				throw store_error("EIO", what);
			permissions.push_back({Domid(static_cast<std::uint16_t>(*domid)),
				permission_access(entry[0])});
		}
		return permissions;
	}

	XenStoreQuota quota(Domid domid) override
	{
		const auto used = control("quota", domid.str());
		if (const auto quota = decode_oxenstored_quota(used, domid))
			return *quota;
		const auto limits = control("quota", {});
		return {
			.max_nodes = number_after(limits, "nodes"),
			.nodes = number_after(used, "nodes"),
			.max_node_size = number_after(limits, "node-size"),
			.max_watches = number_after(limits, "watches"),
			.watches = number_after(used, "watches"),
		};
	}

	void transact(const std::function<void(XenStoreTransaction&)>& body) override
	{
		for (int i = 0; i < max_commits; i++) {
			RealTransaction transaction(connection_);
			body(transaction);
			if (transaction.commit())
				return;
		}
		throw Error(kind::io_error,
			fmt::format("XenStore reported {} conflicts in a row", max_commits),
			"another program keeps changing the same nodes");
	}

	std::unique_ptr<XenStoreWatch> watch(const std::string& path) override
	{
		return std::make_unique<RealWatch>(connection_, path);
	}

	using XenStore::wait;

	bool wait(std::chrono::milliseconds limit, int also) override
	{
		// Events may come without end, and the user must be heard all the same.
		const bool early = take_events();
		// poll() passes over the descriptors that are -1.
		pollfd fds[3] = {{fd(), POLLIN, 0}, {wake_fd_, POLLIN, 0}, {also, POLLIN, 0}};
		const int ready =
			poll(fds, std::size(fds), early ? 0 : static_cast<int>(limit.count()));
		const int errnum = errno;
		if (ready < 0 && errnum != EINTR)
			throw Error::from_errno(errnum, "wait for XenStore");
		if (ready > 0 && fds[1].revents) {
			// The wish is heard: what takes back the work begun so far waits here
			// again.
			std::uint64_t signals = 0;
			(void)!::read(wake_fd_, &signals, sizeof(signals));
			throw Error(kind::interrupted, "interrupted");
		}
		return take_events() || early || (ready > 0 && fds[2].revents);
	}

	int fd() override { return connection_.fd(); }

	// After any event everything is read again, so it does not matter which watch has fired.
	bool take_events() override { return connection_.take_events(); }

private:
	// Answer of a command of xenstore-control; empty when this xenstored does not know it.
	std::string control(const char* command, const std::string& argument)
	{
		auto payload = joined({command});
		if (!argument.empty())
			payload += joined({argument});
		const auto answer =
			requests_.ask(XS_CONTROL, payload, "ask xenstored for its quotas");
		return answer ? answer.payload.c_str() : "";
	}

	XenStoreConnection connection_;
	Requests requests_{connection_, no_transaction};
	int wake_fd_;
};

} // namespace

std::unique_ptr<XenStore> open_xenstore(int wake_fd, std::chrono::milliseconds limit)
{
	return std::make_unique<RealXenStore>(XenStorePatience{.limit = limit, .wake_fd = wake_fd});
}

} // namespace iomemgrant
