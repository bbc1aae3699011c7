// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/xen/xenstore_connection.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// `systemctl start` does nothing for the xen.service of Debian once it was started.
constexpr auto how_to_start = "systemctl restart xen, or /etc/init.d/xen start";
constexpr auto how_to_go_on =
	"ps -C xenstored,oxenstored shows its state; kill -CONT lets a stopped one (T) go on";
// oxenstored sends names of children that do not fit into XENSTORE_PAYLOAD_MAX all the same.
constexpr std::uint32_t longest_answer = 1 << 20;
// There is no event for a place in the queue of a listening socket.
constexpr milliseconds connect_pause{20};

// So many requests fit into the buffer of a socket, however long they are.  It matters because
// xenstored reads nothing from a client that leaves answers unread.
constexpr std::size_t most_ahead = 32;

std::string encode(const XenStoreRequest& request, std::uint32_t transaction, std::uint32_t number)
{
	const xsd_sockmsg header{.type = static_cast<std::uint32_t>(request.type),
		.req_id = number,
		.tx_id = transaction,
		.len = static_cast<std::uint32_t>(request.payload.size())};
	return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) +
	       request.payload;
}

bool contains_word(const std::filesystem::path& path, std::string_view word)
{
	std::ifstream file(path);
	std::string line;
	while (std::getline(file, line)) {
		if (line.find(word) != std::string::npos)
			return true;
	}
	return false;
}

// A guest, and a control domain whose xenstored is a domain of its own, ask through the kernel.
bool is_asked_through_kernel(const XenStorePlaces& places)
{
	return !contains_word(places.capabilities, "control_d") ||
	       contains_word(places.pid_file, "domid:");
}

Error out_of_reach(const std::string& why, const char* hint = how_to_start)
{
	return {kind::no_xenstore, "cannot reach xenstored: " + why, hint};
}

Error lost(const std::string& what)
{
	return {kind::no_xenstore, fmt::format("{}: xenstored does not answer", what),
		how_to_start};
}

std::string seconds(milliseconds limit)
{
	return fmt::format("{:g}s", static_cast<double>(limit.count()) / 1000);
}

} // namespace

XenStorePlaces::XenStorePlaces()
{
	const char* path = std::getenv("XENSTORED_PATH");
	const char* directory = std::getenv("XENSTORED_RUNDIR");
	socket = path ? path
		      : std::filesystem::path(directory ? directory : "/run/xenstored") / "socket";
}

/// One wait for xenstored, from its beginning to its deadline.
struct XenStoreConnection::Wait {
	Wait(const XenStorePatience& given, std::string doing)
		: patience(given), what(std::move(doing)),
		  deadline(steady_clock::now() + given.limit)
	{
	}

	/// Sleeps until @fd has one of @events, or for @nap.  Throws when the deadline has passed.
	void sleep(int fd, short events, milliseconds nap = milliseconds::max())
	{
		const auto now = steady_clock::now();
		const auto left = std::chrono::ceil<milliseconds>(deadline - now);
		if (left <= milliseconds(0))
			fail();
		// poll() passes over a descriptor that is -1.
		pollfd fds[] = {{fd, events, 0}, {interrupted ? -1 : patience.wake_fd, POLLIN, 0}};
		const int ready =
			poll(fds, std::size(fds), static_cast<int>(std::min(left, nap).count()));
		const int errnum = errno;
		if (ready < 0 && errnum != EINTR)
			throw Error::from_errno(errnum, what);
		if (ready > 0 && fds[1].revents) {
			interrupted = true;
			deadline = std::min(deadline, now + XenStorePatience::last_chance);
		}
	}

	[[noreturn]] void fail() const
	{
		if (interrupted)
			throw Error(kind::interrupted,
				fmt::format("interrupted; {}: xenstored does not answer", what));
		throw Error(kind::no_xenstore,
			fmt::format("{}: xenstored has not answered for {}", what,
				seconds(patience.limit)),
			how_to_go_on);
	}

	const XenStorePatience& patience;
	std::string what;
	steady_clock::time_point deadline;
	bool interrupted = false;
};

XenStoreConnection::XenStoreConnection(const XenStorePlaces& places, XenStorePatience patience)
	: patience_(patience), fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
	  pending_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), epoll_(epoll_create1(EPOLL_CLOEXEC))
{
	if (fd_.get() < 0 || pending_.get() < 0 || epoll_.get() < 0)
		throw Error::from_errno(errno, "open XenStore");
	sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
	const auto path = places.socket.string();
	if (path.size() >= sizeof(address.sun_path))
		throw out_of_reach(fmt::format("{} is too long for a socket", path));
	path.copy(address.sun_path, path.size());

	Wait wait(patience_, "connect to " + path);
	while (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) <
		0) {
		const int errnum = errno;
		if (errnum == EACCES || errnum == EPERM)
			throw Error::from_errno(errnum, "open XenStore");
		if (errnum == ECONNREFUSED)
			throw out_of_reach(fmt::format("nothing listens at {}", path));
		if (errnum == ENOENT || errnum == ENOTDIR) {
			if (!is_asked_through_kernel(places))
				throw out_of_reach(fmt::format("{} is missing", path));
			fd_ = UniqueFd(
				open(places.device.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
			if (fd_.get() < 0)
				throw out_of_reach(fmt::format(
					"{} and {} are missing", path, places.device.string()));
			is_socket_ = false;
			break;
		}
		// EAGAIN: a xenstored that hangs, or is busy, accepts no connection.
		if (errnum != EAGAIN && errnum != EINTR)
			throw Error::from_errno(errnum, wait.what);
		wait.sleep(-1, 0, connect_pause);
	}
	for (const int fd : {fd_.get(), pending_.get()}) {
		epoll_event event{.events = EPOLLIN, .data = {}};
		if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0)
			throw Error::from_errno(errno, "open XenStore");
	}
}

XenStoreAnswer XenStoreConnection::ask(xsd_sockmsg_type type, std::uint32_t transaction,
	std::string_view payload, const std::string& what)
{
	return ask(transaction, {{type, std::string(payload), what}}).front();
}

std::vector<XenStoreAnswer> XenStoreConnection::ask(
	std::uint32_t transaction, const std::vector<XenStoreRequest>& requests)
{
	for (const auto& request : requests) {
		if (fd_.get() < 0)
			throw lost(request.what);
		// xenstored would drop the connection.
		if (request.payload.size() > XENSTORE_PAYLOAD_MAX)
			return {requests.size(), {{}, "E2BIG"}};
	}
	const auto first = last_request_ + 1;
	std::vector<XenStoreAnswer> answers;
	try {
		for (std::size_t sent = 0; answers.size() < requests.size();) {
			Wait wait(patience_, requests[answers.size()].what);
			while (sent < std::min(requests.size(), answers.size() + most_ahead))
				send(encode(requests[sent++], transaction, ++last_request_), wait);
			take_answers(answers, first, wait);
		}
	} catch (const Error&) {
		give_up();
		throw;
	}
	return answers;
}

// Waits for the next answer, and takes those that have arrived with it.  Events may stand behind
// them; nothing that has arrived stays in inbox_.
void XenStoreConnection::take_answers(
	std::vector<XenStoreAnswer>& answers, std::uint32_t first, Wait& wait)
{
	xsd_sockmsg found{};
	std::string text;
	for (const auto before = answers.size(); answers.size() == before;) {
		if (!receive(wait.what))
			wait.sleep(fd_.get(), POLLIN);
		while (next_message(found, text)) {
			if (found.req_id != first + answers.size())
				continue;
			answers.push_back(found.type == XS_ERROR ? XenStoreAnswer{{}, text.c_str()}
								 : XenStoreAnswer{text, {}});
		}
	}
}

bool XenStoreConnection::take_events()
{
	const std::string what = "wait for XenStore";
	if (fd_.get() < 0)
		throw lost(what);
	try {
		xsd_sockmsg header{};
		std::string payload;
		// A guest may make events without end, so the rest of them is left for the next
		// call.
		for (int i = 0; i < 16 && receive(what); i++) {
			// An answer that comes too late, to a request that was given up, is no
			// event.
			while (next_message(header, payload))
				;
		}
	} catch (const Error&) {
		give_up();
		throw;
	}
	// The loop above has set pending_ for each event, and the caller is told of them now.
	std::uint64_t count = 0;
	(void)!::read(pending_.get(), &count, sizeof(count));
	return std::exchange(events_, false);
}

void XenStoreConnection::send(std::string_view message, Wait& wait)
{
	while (!message.empty()) {
		// A xenstored that has gone is an error, not a signal.
		const auto sent =
			is_socket_ ? ::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL)
				   : ::write(fd_.get(), message.data(), message.size());
		const int errnum = errno;
		if (sent >= 0)
			message.remove_prefix(static_cast<std::size_t>(sent));
		else if (errnum == EAGAIN)
			wait.sleep(fd_.get(), POLLOUT);
		else if (errnum != EINTR)
			throw lost(wait.what);
	}
}

// Takes what has arrived.  False: nothing has.
bool XenStoreConnection::receive(const std::string& what)
{
	char data[sizeof(xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	const auto got = ::read(fd_.get(), data, sizeof(data));
	const int errnum = errno;
	if (got > 0)
		inbox_.append(data, static_cast<std::size_t>(got));
	else if (got == 0 || (errnum != EAGAIN && errnum != EINTR))
		throw lost(what);
	return got > 0;
}

// Takes the next answer out of what has arrived, and notes the events before it.
bool XenStoreConnection::next_message(xsd_sockmsg& header, std::string& payload)
{
	while (inbox_.size() >= sizeof(header)) {
		std::memcpy(&header, inbox_.data(), sizeof(header));
		if (header.len > longest_answer)
			throw Error(kind::io_error, "xenstored breaks its protocol");
		if (inbox_.size() < sizeof(header) + header.len)
			return false;
		payload = inbox_.substr(sizeof(header), header.len);
		inbox_.erase(0, sizeof(header) + header.len);
		if (header.type != XS_WATCH_EVENT)
			return true;
		events_ = true;
		wake_reader();
	}
	return false;
}

// An event that arrives with an answer leaves the socket empty; the event loop shall see it.
void XenStoreConnection::wake_reader() const
{
	const std::uint64_t one = 1;
	(void)!::write(pending_.get(), &one, sizeof(one)); // fails only when it is readable already
}

void XenStoreConnection::give_up()
{
	fd_ = UniqueFd();
	wake_reader();
}

} // namespace iomemgrant
