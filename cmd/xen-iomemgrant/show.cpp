// SPDX-License-Identifier: GPL-2.0-or-later
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "grant_fields.h"

namespace iomemgrant
{

namespace
{

struct ShowText {
	std::string grant;
	bool refs = false;
};

int run_show(const ShowText& text, Machine& machine, Output& output)
{
	auto& host = machine.host();
	Domains domains(host);
	const auto grants = take_inventory(host, domains);
	const auto& status = select(grants, text.grant);
	auto document = output.document("show");
	document["grant"] = grant_json(status);
	output.print(document);
	output.text(render_grant(status, text.refs));
	return 0;
}

} // namespace

void add_show(CLI::App& app, Command& command)
{
	auto text = std::make_shared<ShowText>();
	auto* verb = app.add_subcommand("show", "Show everything about one grant");
	verb->add_option("GRANT", text->grant, "Id or label of a grant")->required();
	verb->add_flag("--refs", text->refs, "Also the grant references");
	verb->footer("Examples:\n"
		     "  xen-iomemgrant show g17 --refs\n"
		     "  xen-iomemgrant --json show nic-doorbell\n");
	verb->callback([text, &command] {
		command.run = [text](Machine& machine, Output& output) {
			return run_show(*text, machine, output);
		};
	});
}

} // namespace iomemgrant
