// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "cmd/xen-iomemgrant/commands.h"

namespace iomemgrant
{

void add_version(Syntax& program, Command& command)
{
	program.add_verb("version", "Print the version").callback = [&command] {
		command.run = [](Machine&, Output& output) {
			output.line(fmt::format("{} {}", output.tool(), IOMEMGRANT_VERSION));
			output.print(output.document("version"));
			return 0;
		};
	};
}

} // namespace iomemgrant
