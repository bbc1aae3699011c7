// SPDX-License-Identifier: GPL-2.0-or-later
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <output/command_line.h>
#include <output/output.h>

#include "service.h"

using namespace iomemgrant;

int main(int argc, char** argv)
{
	const std::vector<std::string> arguments(argv + 1, argv + argc);
	CLI::App app("Remove what dead guests leave behind of their grants", "xen-iomemgrantd");
	survive_broken_pipes();
	bool foreground = false;
	bool once = false;
	app.add_flag("--foreground", foreground, "Also tell on stderr what is done");
	app.add_flag("--once", once, "Look once and end");
	app.set_version_flag("-V,--version", "xen-iomemgrantd " IOMEMGRANT_VERSION);
	const auto out = stdout_sink();
	const auto err = stderr_sink();
	Output output(app.get_name(), {}, out, err);
	try {
		if (const auto finished = parse_command_line(app, arguments, out, err))
			return finish_stdout(app.get_name(), *finished);
		Service service(foreground || once);
		return once ? service.once() : service.run();
	} catch (const Error& error) {
		return output.failure(error);
	} catch (const std::exception& error) {
		return output.failure({kind::internal, error.what()});
	}
}
