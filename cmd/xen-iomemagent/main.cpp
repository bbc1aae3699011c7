// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <unistd.h>

#include "lib/host/real.h"

using namespace iomemgrant;

int main(int argc, char** argv)
{
	const std::vector<std::string> arguments(argv + 1, argv + argc);
	const agent::World world{{}, [] { return open_grant_device()->info(); }};
	return finish_stdout("xen-iomemagent",
		agent::run(arguments, world, stdout_sink(), stderr_sink(), isatty(STDOUT_FILENO)));
}
