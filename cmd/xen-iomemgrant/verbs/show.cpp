// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/options/grant_filter.h"
#include "cmd/xen-iomemgrant/render/grant_fields.h"
#include "lib/inventory/select_grant.h"

namespace iomemgrant
{

namespace
{

struct ShowText {
	std::string grant;
	bool refs = false;
};

struct ShowCommand {
	GrantName grant;
	bool refs = false;
};

int run_show(const ShowCommand& command, Machine& machine, Output& output)
{
	auto& host = machine.host();
	Domains domains(host);
	const auto status = find_grant(host, domains, command.grant);
	auto document = output.document("show");
	document["grant"] = grant_json(status);
	output.print(document);
	output.text(render_grant(status, command.refs));
	return 0;
}

} // namespace

void add_show(Syntax& program, Command& command)
{
	auto text = std::make_shared<ShowText>();
	auto& verb = program.add_verb("show", "Show everything about one grant");
	verb.add("GRANT", &text->grant, grant_name_help).required = true;
	verb.add("--refs", &text->refs, "Also the grant references");
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant show g17 --refs\n"
		      "  xen-iomemgrant --json show nic-doorbell\n";
	on_verb(verb, command, run_show, [text] {
		return ShowCommand{GrantName::parse(text->grant), text->refs};
	});
}

} // namespace iomemgrant
