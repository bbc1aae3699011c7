// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <fmt/format.h>

#include "cmd/xen-iomemagent/render.h"

namespace iomemgrant::agent
{

namespace
{

// Unlike the verbs that use a grant, `show` answers for one that is no longer mapped as well.
int run_show(const std::string& name, const World& world, Output& output)
{
	const auto wanted = GrantName::parse(name);
	const auto grants = read_mapped_grants(world.roots);
	const auto* grant = find_in(grants, wanted);
	if (!grant)
		throw no_grant(wanted);
	output.text(render_fields(*grant));

	auto document = output.document("show");
	document["grant"] = to_json(*grant);
	output.print(document);
	return 0;
}

} // namespace

void add_show(Syntax& program, Command& command)
{
	auto name = std::make_shared<std::string>();
	auto& verb = program.add_verb("show", "Show everything about one grant");
	verb.add("GRANT", name.get(), grant_name_help).required = true;
	verb.footer = "Examples:\n"
		      "  xen-iomemagent show g17\n"
		      "  xen-iomemagent --json show nic-doorbell\n";
	on_verb(verb, command, run_show, [name] { return *name; });
}

} // namespace iomemgrant::agent
