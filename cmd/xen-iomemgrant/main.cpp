// SPDX-License-Identifier: GPL-2.0-or-later
#include <cstdio>
#include <string>
#include <vector>

#include <unistd.h>

#include "cmd/cli/output.h"
#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/machine/real_machine.h"

using namespace iomemgrant;

namespace
{

// Seen before the arguments are parsed, because the machine is made first; the parser checks it.
int verbosity(const std::vector<std::string>& arguments)
{
	int level = 0;
	for (const auto& argument : arguments) {
		if (argument == "--verbose" || argument == "-v")
			level++;
		else if (argument == "-vv")
			level += 2;
	}
	return level;
}

} // namespace

int main(int argc, char** argv)
{
	const std::vector<std::string> arguments(argv + 1, argv + argc);
	const int level = verbosity(arguments);
	// A reader that has seen enough must not cut off what has begun.
	survive_broken_pipes();
	// Each line of `monitor` reaches a pipe at once.
	(void)std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
	const auto err = stderr_sink();
	const auto say = [&err](const std::string& line) { err("xen-iomemgrant: " + line + "\n"); };
	RealMachine machine(
		[&](const std::string& line) {
			if (level >= 1)
				say(line);
		},
		[&](const std::string& line) {
			if (level >= 2)
				say(line);
		});
	return finish_stdout("xen-iomemgrant", run_command_line(arguments, machine, stdout_sink(),
						       err, isatty(STDOUT_FILENO) != 0));
}
