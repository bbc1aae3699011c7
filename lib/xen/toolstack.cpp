// SPDX-License-Identifier: LGPL-2.1-or-later
// Destroying a domain is the toolstack's work: the hypercall alone would leave its device model,
// disks, network and XenStore nodes behind.  xl(1) does it all, and its command line stays the
// same from one Xen to the next, which cannot be said of libxl.
#include "lib/host/real.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/values/error.h"
#include "lib/xen/handle.h"

extern char** environ;

namespace iomemgrant
{

namespace
{

struct Pipe {
	UniqueFd read;
	UniqueFd write;
};

Pipe make_pipe()
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) < 0)
		throw Error::from_errno(errno, "make a pipe");
	return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

/// Its standard output and error go to @output, its input is empty.
pid_t spawn(std::array<std::string, 3> words, int output)
{
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
	pid_t pid = 0;
	const int errnum = posix_spawnp(&pid, argv[0], &actions, nullptr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (errnum)
		throw Error::from_errno(errnum, fmt::format("run {}", words[0]));
	return pid;
}

std::string read_all(int fd)
{
	std::string text;
	std::array<char, 512> piece;
	while (true) {
		const auto count = ::read(fd, piece.data(), piece.size());
		if (count > 0)
			text.append(piece.data(), static_cast<std::size_t>(count));
		else if (count == 0 || errno != EINTR)
			return text;
	}
}

} // namespace

void destroy_with_xl(Domid id)
{
	auto pipe = make_pipe();
	const auto pid = spawn({"xl", "destroy", id.str()}, pipe.write.get());
	{
		const UniqueFd ours = std::move(pipe.write); // closed, or reading would never end
	}
	const auto said = read_all(pipe.read.get());
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		throw Error(kind::io_error,
			fmt::format("xl destroy {} failed: {}", id.value(),
				said.empty() ? "it gave no reason"
					     : said.substr(0, said.find('\n'))),
			"xl list");
}

} // namespace iomemgrant
