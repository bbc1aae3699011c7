// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XENSTORE_SERVER_H
#define XENSTORE_SERVER_H

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lib/xen/xenstore_connection.h"

namespace iomemgrant
{

/// A directory for the places that one test has.
class Folder
{
public:
	Folder();
	~Folder();
	Folder(const Folder&) = delete;
	Folder& operator=(const Folder&) = delete;

	/// Makes a file and returns its path.
	std::filesystem::path file(const std::string& name, const std::string& content) const;
	std::filesystem::path path(const std::string& name) const { return root_ / name; }

private:
	std::filesystem::path root_;
};

/// A message as it goes over the wire.
struct Message {
	std::uint32_t type = 0;
	std::uint32_t transaction = 0;
	std::string payload;
};

/// A listening socket whose queue has one place, and that accepts nothing.
UniqueFd listen_at(const std::filesystem::path& path);

/// Serves one connection after the other: each request is answered by @answer with messages, of
/// which those of type XS_WATCH_EVENT are events.
class Server
{
public:
	using Answer = std::function<std::vector<Message>(const Message& request)>;

	Server(const std::filesystem::path& path, Answer answer);
	~Server();
	Server(const Server&) = delete;
	Server& operator=(const Server&) = delete;

	/// What was asked so far.
	std::vector<Message> requests();

private:
	void serve();
	bool serve_one(int client);

	Answer answer_;
	UniqueFd listener_;
	UniqueFd stop_;
	std::mutex mutex_;
	std::vector<Message> requests_;
	std::thread thread_;
};

} // namespace iomemgrant

#endif
