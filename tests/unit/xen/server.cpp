// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/xen/server.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace iomemgrant
{

namespace
{

bool read_all(int fd, void* buffer, std::size_t size)
{
	return size == 0 || recv(fd, buffer, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

} // namespace

Folder::Folder()
{
	char name[] = "/tmp/xenstore-unit.XXXXXX";
	if (!mkdtemp(name))
		throw std::runtime_error("mkdtemp");
	root_ = name;
}

Folder::~Folder()
{
	std::error_code ignored;
	std::filesystem::remove_all(root_, ignored);
}

std::filesystem::path Folder::file(const std::string& name, const std::string& content) const
{
	std::ofstream(path(name)) << content;
	return path(name);
}

UniqueFd listen_at(const std::filesystem::path& path)
{
	sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
	path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
	UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ||
		listen(fd.get(), 0))
		throw std::runtime_error("listen at " + path.string());
	return fd;
}

Server::Server(const std::filesystem::path& path, Answer answer)
	: answer_(std::move(answer)), listener_(listen_at(path)), stop_(eventfd(0, EFD_CLOEXEC)),
	  thread_([this] { serve(); })
{
}

Server::~Server()
{
	const std::uint64_t one = 1;
	(void)!write(stop_.get(), &one, sizeof(one));
	thread_.join();
}

std::vector<Message> Server::requests()
{
	const std::lock_guard lock(mutex_);
	return requests_;
}

void Server::serve()
{
	UniqueFd client;
	while (true) {
		const int serving = client.get();
		pollfd fds[] = {{stop_.get(), POLLIN, 0},
			{serving < 0 ? listener_.get() : serving, POLLIN, 0}};
		if (poll(fds, 2, -1) < 0 || fds[0].revents)
			return;
		if (serving < 0)
			client = UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
		else if (!serve_one(serving))
			client = UniqueFd();
	}
}

bool Server::serve_one(int client)
{
	xsd_sockmsg header{};
	if (!read_all(client, &header, sizeof(header)))
		return false;
	Message request{header.type, header.tx_id, std::string(header.len, '\0')};
	if (!read_all(client, request.payload.data(), header.len))
		return false;
	{
		const std::lock_guard lock(mutex_);
		requests_.push_back(request);
	}
	std::string out;
	for (const auto& message : answer_(request)) {
		const xsd_sockmsg reply{.type = message.type,
			.req_id = message.type == XS_WATCH_EVENT ? 0 : header.req_id,
			.tx_id = header.tx_id,
			.len = static_cast<std::uint32_t>(message.payload.size())};
		out.append(reinterpret_cast<const char*>(&reply), sizeof(reply));
		out += message.payload;
	}
	// In two pieces, a moment apart: a message need not arrive as a whole.
	const auto half = out.size() / 2;
	(void)!send(client, out.data(), half, MSG_NOSIGNAL);
	std::this_thread::sleep_for(std::chrono::milliseconds(2));
	(void)!send(client, out.data() + half, out.size() - half, MSG_NOSIGNAL);
	return true;
}

} // namespace iomemgrant
