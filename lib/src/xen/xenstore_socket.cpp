// SPDX-License-Identifier: LGPL-2.1-or-later
#include "xenstore_socket.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>

#include "handle.h"

namespace iomemgrant
{

bool is_abandoned(std::string_view path)
{
	sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
	std::error_code failed;
	// What is no socket refuses as well.
	if (path.size() >= sizeof(address.sun_path) ||
		!std::filesystem::is_socket(path, failed))
		return false;
	path.copy(address.sun_path, path.size());
	const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	return fd.get() >= 0 &&
		connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) &&
		errno == ECONNREFUSED;
}

} // namespace iomemgrant
