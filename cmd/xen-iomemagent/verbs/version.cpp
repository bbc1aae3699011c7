// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/publication/publication.h"

namespace iomemgrant::agent
{

namespace
{

int run_version(Context& context)
{
	context.output.line(fmt::format("{} {}", context.output.tool(), IOMEMGRANT_VERSION));
	auto document = context.output.document("version");
	document["version"] = IOMEMGRANT_VERSION;
	document["protocol"] = protocol_version;
	context.output.print(document);
	return 0;
}

} // namespace

void add_version(Syntax& program, Verb& chosen)
{
	auto& verb = program.add_verb("version", "Print the version");
	verb.callback = [&chosen] { chosen = run_version; };
}

} // namespace iomemgrant::agent
