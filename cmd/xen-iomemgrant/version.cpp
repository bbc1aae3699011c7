// SPDX-License-Identifier: GPL-2.0-or-later
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.h"

namespace iomemgrant
{

void add_version(CLI::App& app, Command& command)
{
	app.add_subcommand("version", "Print the version")->callback([&command] {
		command.run = [](Machine&, Output& output) {
			output.line(fmt::format("{} {}", output.tool(), IOMEMGRANT_VERSION));
			output.print(output.document("version"));
			return 0;
		};
	});
}

} // namespace iomemgrant
