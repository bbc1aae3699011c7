// SPDX-License-Identifier: LGPL-2.1-or-later
// The wire protocol of xenstored, which docs/misc/xenstore.txt of Xen describes.  libxenstore
// speaks it too, but waits for an answer without limit, goes to /dev/xen/xenbus when xenstored does
// not run, where no answer comes either, and makes EINVAL of every error it does not know.
#ifndef IOMEMGRANT_XEN_XENSTORE_CONNECTION_H
#define IOMEMGRANT_XEN_XENSTORE_CONNECTION_H

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

extern "C" {
#include <xen/io/xs_wire.h>
}

#include "lib/host/real.h"
#include "lib/xen/handle.h"

namespace iomemgrant
{

/// Where xenstored is looked for.
struct XenStorePlaces {
	/// Its default follows the environment variables that libxenstore knows.
	XenStorePlaces();

	std::filesystem::path socket;
	std::filesystem::path device = "/dev/xen/xenbus";
	/// It says whether this is the control domain, where xenstored has to have a socket.
	std::filesystem::path capabilities = "/proc/xen/capabilities";
	/// It says "domid:N" when xenstored runs in a domain of its own, without a socket.
	std::filesystem::path pid_file = "/run/xen/xenstored.pid";
};

/// How long xenstored may take.
struct XenStorePatience {
	/// For one answer, or for accepting the connection.
	std::chrono::milliseconds limit = default_request_limit;
	/// An eventfd, or -1.  While it is readable the user wants to stop, and an answer gets
	/// last_chance and no more.  It is left readable.
	int wake_fd = -1;

	static constexpr std::chrono::milliseconds last_chance{1000};
};

/// A request to xenstored.
struct XenStoreRequest {
	xsd_sockmsg_type type;
	std::string payload;
	/// Says what is being done, for errors.
	std::string what;
};

/// An answer of xenstored.
struct XenStoreAnswer {
	std::string payload;
	/// The name of an errno, like "ENOENT"; empty when the request was carried out.
	std::string error;

	explicit operator bool() const { return error.empty(); }
};

/// A connection to xenstored that never waits longer than it has patience.
class XenStoreConnection
{
public:
	/// Throws Error no-xenstore, also at once when no xenstored runs here, and permission.
	XenStoreConnection(const XenStorePlaces& places, XenStorePatience patience);

	/// Sends a request and waits for its answer.  @what says what is being done, for errors.
	/// Throws Error no-xenstore or interrupted when there is none; then the connection is given
	/// up, and every later request throws no-xenstore at once.
	XenStoreAnswer ask(xsd_sockmsg_type type, std::uint32_t transaction,
		std::string_view payload, const std::string& what);
	/// The same for several requests, some of which are sent ahead of the answers to those
	/// before.  xenstored carries all of them out in this order, even those behind one that
	/// failed, which is that of the answers returned.  Each answer has the whole limit.
	std::vector<XenStoreAnswer> ask(
		std::uint32_t transaction, const std::vector<XenStoreRequest>& requests);

	/// Readable when take_events() has something to say.
	int fd() const { return epoll_.get(); }
	/// Whether a watch has fired since the last call.  Does not sleep.  Throws Error
	/// no-xenstore.
	bool take_events();

private:
	struct Wait;

	void send(std::string_view message, Wait& wait);
	void take_answers(std::vector<XenStoreAnswer>& answers, std::uint32_t first, Wait& wait);
	bool receive(const std::string& what);
	bool next_message(xsd_sockmsg& header, std::string& payload);
	void wake_reader() const;
	void give_up();

	XenStorePatience patience_;
	UniqueFd fd_;
	bool is_socket_ = true;
	/// Readable while events_, or the end of the connection, has not been told.
	UniqueFd pending_;
	UniqueFd epoll_;
	std::string inbox_;
	std::uint32_t last_request_ = 0;
	bool events_ = false;
};

} // namespace iomemgrant

#endif
