// SPDX-License-Identifier: GPL-2.0-or-later
#include <exception>
#include <string>
#include <vector>

#include "cmd/cli/command_line.h"
#include "cmd/cli/output.h"
#include "cmd/xen-iomemgrantd/service.h"

using namespace iomemgrant;

int main(int argc, char** argv)
{
	const std::vector<std::string> arguments(argv + 1, argv + argc);
	Syntax program("xen-iomemgrantd", "Remove what dead guests leave behind of their grants");
	survive_broken_pipes();
	bool foreground = false;
	bool once = false;
	program.add("--foreground", &foreground, "Also tell on stderr what is done");
	program.add("--once", &once, "Look once and end");
	program.add_version_option();
	const auto out = stdout_sink();
	const auto err = stderr_sink();
	Output output(program.name, {}, out, err);
	try {
		if (const auto finished = parse_command_line(program, arguments, out, err))
			return finish_stdout(program.name, *finished);
		Service service(foreground || once);
		return once ? service.once() : service.run();
	} catch (const Error& error) {
		return output.failure(error);
	} catch (const std::exception& error) {
		return output.failure({kind::internal, error.what()});
	}
}
