// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <fmt/format.h>

#include "lib/publication/publication.h"

namespace iomemgrant::agent
{

namespace
{

int run_version(const World&, Output& output)
{
	output.line(fmt::format("{} {}", output.tool(), IOMEMGRANT_VERSION));
	auto document = output.document("version");
	document["version"] = IOMEMGRANT_VERSION;
	document["protocol"] = protocol_version;
	output.print(document);
	return 0;
}

} // namespace

void add_version(Syntax& program, Command& command)
{
	auto& verb = program.add_verb("version", "Print the version");
	verb.callback = [&command] { command.run = run_version; };
}

} // namespace iomemgrant::agent
