// SPDX-License-Identifier: LGPL-2.1-or-later
// XenStore through libxenstore.  Contract of that library: NULL or false with errno.
#include <iomemgrant/real.h>

#include <cerrno>
#include <sstream>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>
// The header does not say itself that it is C.
extern "C" {
#include <xenstore.h>
}

#include <iomemgrant/error.h>

#include "handle.h"
#include "xenstore_socket.h"

namespace iomemgrant
{

namespace
{

using XsHandle = std::unique_ptr<xs_handle, Releaser<xs_close>>;

// A conflict means that somebody else changed what we read.  A hundred in a row are no accident.
constexpr int max_commits = 100;
// Guests share a small number of transactions; dom0 has no quota but a restarted daemon may lag.
constexpr int max_starts = 5;

// The library answers EINVAL to the request during which its reading thread met the end of the
// connection, and EBADF to all that follow.
bool is_lost(xs_handle* handle, int errnum)
{
	return errnum == EINVAL && !Malloced<void>(xs_read(handle, XBT_NULL, "/", nullptr)) &&
	       errno == EBADF;
}

Error store_error(xs_handle* handle, int errnum, const std::string& what)
{
	switch (is_lost(handle, errnum) ? EPIPE : errnum) {
	case ENOSPC:
	case E2BIG:
	case EDQUOT:
		return {kind::xenstore_quota,
			fmt::format("{}: a XenStore quota is reached ({})", what,
				errnum == E2BIG ? "size of a node" : "nodes or transactions"),
			"xenstore-ls shows what fills it"};
	case EPIPE:
	case ECONNRESET:
	case ECONNREFUSED:
	case EBADF:
		return {kind::no_xenstore, fmt::format("{}: xenstored does not answer", what),
			"systemctl status xenstored"};
	default:
		return Error::from_errno(errnum, what);
	}
}

// Absent, or hidden from us, which comes to the same.
bool is_absent(int errnum)
{
	return errnum == ENOENT || errnum == EACCES || errnum == ENOTDIR;
}

std::optional<std::string> read_node(
	xs_handle* handle, xs_transaction_t transaction, const std::string& path)
{
	unsigned length = 0;
	const Malloced<char> value(
		static_cast<char*>(xs_read(handle, transaction, path.c_str(), &length)));
	const int errnum = errno;
	if (value)
		return std::string(value.get(), length);
	if (is_absent(errnum))
		return std::nullopt;
	throw store_error(handle, errnum, fmt::format("read XenStore node {}", path));
}

std::vector<std::string> read_directory(
	xs_handle* handle, xs_transaction_t transaction, const std::string& path)
{
	unsigned count = 0;
	const Malloced<char*> names(xs_directory(handle, transaction, path.c_str(), &count));
	const int errnum = errno;
	if (names)
		return {names.get(), names.get() + count};
	if (is_absent(errnum))
		return {};
	throw store_error(handle, errnum, fmt::format("list XenStore node {}", path));
}

void write_node(xs_handle* handle, xs_transaction_t transaction, const std::string& path,
	const std::string& value)
{
	if (xs_write(handle, transaction, path.c_str(), value.data(),
		    static_cast<unsigned>(value.size())))
		return;
	throw store_error(handle, errno, fmt::format("write XenStore node {}", path));
}

// From lines like "nodes            :       12 Nodes per domain".
std::optional<std::uint64_t> number_after(const std::string& text, std::string_view name)
{
	std::istringstream lines(text);
	std::string line;
	while (std::getline(lines, line)) {
		std::istringstream words(line);
		std::string word;
		char colon = 0;
		std::uint64_t value = 0;
		if (words >> word && word == name && words >> colon >> value && colon == ':')
			return value;
	}
	return std::nullopt;
}

int permission_bits(NodePermission::Access access)
{
	switch (access) {
	case NodePermission::Access::none:
		return XS_PERM_NONE;
	case NodePermission::Access::read:
		return XS_PERM_READ;
	case NodePermission::Access::write:
		return XS_PERM_WRITE;
	case NodePermission::Access::both:
		return XS_PERM_READ | XS_PERM_WRITE;
	}
	return XS_PERM_NONE;
}

NodePermission::Access permission_access(int bits)
{
	const bool reads = bits & XS_PERM_READ;
	const bool writes = bits & XS_PERM_WRITE;
	if (reads && writes)
		return NodePermission::Access::both;
	if (reads)
		return NodePermission::Access::read;
	return writes ? NodePermission::Access::write : NodePermission::Access::none;
}

class RealTransaction final : public XenStoreTransaction
{
public:
	explicit RealTransaction(xs_handle* handle) : handle_(handle), id_(start(handle)) {}
	RealTransaction(const RealTransaction&) = delete;
	RealTransaction& operator=(const RealTransaction&) = delete;
	~RealTransaction() override
	{
		// Abandoned on the way out of an exception; xenstored drops it with the
		// connection in any case.
		if (id_ != XBT_NULL)
			(void)xs_transaction_end(handle_, id_, true);
	}

	/// False: somebody interfered, start again.
	bool commit()
	{
		const auto id = std::exchange(id_, XBT_NULL);
		if (xs_transaction_end(handle_, id, false))
			return true;
		const int errnum = errno;
		if (errnum == EAGAIN)
			return false;
		throw store_error(handle_, errnum, "commit a XenStore transaction");
	}

	std::optional<std::string> read(const std::string& path) override
	{
		return read_node(handle_, id_, path);
	}

	std::vector<std::string> directory(const std::string& path) override
	{
		return read_directory(handle_, id_, path);
	}

	void write(const std::string& path, const std::string& value) override
	{
		write_node(handle_, id_, path, value);
	}

	void make_directory(const std::string& path, const NodePermissions& permissions) override
	{
		if (!xs_mkdir(handle_, id_, path.c_str()))
			throw store_error(
				handle_, errno, fmt::format("make XenStore node {}", path));
		std::vector<xs_permissions> list;
		for (const auto& permission : permissions)
			list.push_back({.id = permission.domid.value(),
				.perms = static_cast<decltype(xs_permissions::perms)>(
					permission_bits(permission.access))});
		if (!xs_set_permissions(handle_, id_, path.c_str(), list.data(),
			    static_cast<unsigned>(list.size())))
			throw store_error(handle_, errno,
				fmt::format("set permissions of XenStore node {}", path));
	}

	void remove(const std::string& path) override
	{
		if (xs_rm(handle_, id_, path.c_str()))
			return;
		const int errnum = errno;
		if (errnum != ENOENT)
			throw store_error(
				handle_, errnum, fmt::format("remove XenStore node {}", path));
	}

private:
	static xs_transaction_t start(xs_handle* handle)
	{
		int errnum = 0;
		for (int i = 0; i < max_starts; i++) {
			const auto id = xs_transaction_start(handle);
			if (id != XBT_NULL)
				return id;
			errnum = errno;
			// ENOSPC: all transactions this domain may have are in use.  There is no
			// event for one becoming free.
			if (errnum != ENOSPC)
				break;
			std::this_thread::sleep_for(std::chrono::milliseconds(10 << i));
		}
		throw store_error(handle, errnum, "start a XenStore transaction");
	}

	xs_handle* handle_;
	xs_transaction_t id_;
};

class RealWatch final : public XenStoreWatch
{
public:
	RealWatch(xs_handle* handle, std::string path) : handle_(handle), path_(std::move(path))
	{
		if (!xs_watch(handle_, path_.c_str(), path_.c_str()))
			throw store_error(
				handle_, errno, fmt::format("watch XenStore node {}", path_));
	}
	RealWatch(const RealWatch&) = delete;
	RealWatch& operator=(const RealWatch&) = delete;
	~RealWatch() override
	{
		// A watch that cannot be taken back only costs a spurious wake-up.
		(void)xs_unwatch(handle_, path_.c_str(), path_.c_str());
	}

private:
	xs_handle* handle_;
	std::string path_;
};

class RealXenStore final : public XenStore
{
public:
	RealXenStore(XsHandle handle, int wake_fd) : handle_(std::move(handle)), wake_fd_(wake_fd)
	{
	}

	std::optional<std::string> read(const std::string& path) override
	{
		return read_node(handle_.get(), XBT_NULL, path);
	}

	std::vector<std::string> directory(const std::string& path) override
	{
		return read_directory(handle_.get(), XBT_NULL, path);
	}

	void write(const std::string& path, const std::string& value) override
	{
		write_node(handle_.get(), XBT_NULL, path, value);
	}

	NodePermissions permissions(const std::string& path) override
	{
		unsigned count = 0;
		const Malloced<xs_permissions> list(
			xs_get_permissions(handle_.get(), XBT_NULL, path.c_str(), &count));
		const int errnum = errno;
		if (!list)
			throw store_error(handle_.get(), errnum,
				fmt::format("read permissions of XenStore node {}", path));
		NodePermissions permissions;
		for (unsigned i = 0; i < count; i++)
			permissions.push_back({Domid(static_cast<std::uint16_t>(list.get()[i].id)),
				permission_access(static_cast<int>(list.get()[i].perms))});
		return permissions;
	}

	XenStoreQuota quota(Domid domid) override
	{
		const auto limits = control("quota", {});
		return {
			.max_nodes = number_after(limits, "nodes"),
			.nodes = number_after(control("quota", domid.str()), "nodes"),
			.max_node_size = number_after(limits, "node-size"),
		};
	}

	void transact(const std::function<void(XenStoreTransaction&)>& body) override
	{
		for (int i = 0; i < max_commits; i++) {
			RealTransaction transaction(handle_.get());
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
		return std::make_unique<RealWatch>(handle_.get(), path);
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
			// Heard: who takes back what was begun waits here again.
			std::uint64_t signals = 0;
			(void)!::read(wake_fd_, &signals, sizeof(signals));
			throw Error(kind::interrupted, "interrupted");
		}
		if (ready > 0 && (fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)))
			throw store_error(handle_.get(), EPIPE, "wait for XenStore");
		return take_events() || early || (ready > 0 && fds[2].revents);
	}

	int fd() override { return xs_fileno(handle_.get()); }

	// Which watch it was does not matter to anybody, since after any event everything is read
	// again.
	bool take_events() override
	{
		bool any = false;
		errno = 0;
		while (const Malloced<char*> event{xs_check_watch(handle_.get())})
			any = true;
		// The library's own thread reads; EINVAL is how it says that it met the end.
		if (const int errnum = errno; errnum && errnum != EAGAIN)
			throw store_error(handle_.get(), errnum == EINVAL ? EPIPE : errnum,
				"wait for XenStore");
		return any;
	}

private:
	// What a command of xenstore-control answers; nothing when this xenstored does not know it.
	std::string control(const char* command, std::string argument)
	{
		const auto length = static_cast<unsigned>(argument.empty() ? 0 : argument.size() + 1);
		const Malloced<char> answer(
			xs_control_command(handle_.get(), command, argument.data(), length));
		return answer ? answer.get() : "";
	}

	XsHandle handle_;
	int wake_fd_;
};

} // namespace

std::unique_ptr<XenStore> open_xenstore(int wake_fd)
{
	XsHandle handle(is_abandoned(xs_daemon_socket()) ? nullptr : xs_open(0));
	const int errnum = errno;
	if (!handle && (errnum == EACCES || errnum == EPERM))
		throw Error::from_errno(errnum, "open XenStore");
	if (!handle)
		throw Error(kind::no_xenstore, "cannot reach xenstored",
			"systemctl start xenstored (or check that it still runs)");
	return std::make_unique<RealXenStore>(std::move(handle), wake_fd);
}

} // namespace iomemgrant
