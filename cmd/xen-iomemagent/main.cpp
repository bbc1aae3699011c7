// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include <cstdio>

#include <unistd.h>

#include <iomemgrant/real.h>

using namespace iomemgrant;

int main(int argc, char** argv)
{
	const std::vector<std::string> arguments(argv + 1, argv + argc);
	const agent::World world{{}, [] { return open_grant_device()->info(); }};
	const int status =
		agent::run(arguments, world, stdout_sink(), stderr_sink(), isatty(STDOUT_FILENO));

	// An answer that did not arrive is no answer.
	if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
		std::perror("xen-iomemagent: write to stdout");
		return status ? status : 1;
	}
	return status;
}
