// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include <CLI/CLI.hpp>

namespace iomemgrant::agent
{

namespace
{

constexpr auto footer = "Examples:\n"
			"  xen-iomemagent wait nic-doorbell --timeout=1min\n"
			"  xen-iomemagent read nic-doorbell 0x10\n"
			"  xen-iomemagent list\n"
			"\n"
			"`xen-iomemagent help COMMAND` tells more, xen-iomemagent(8) everything.\n";

} // namespace

void add_commands(CLI::App& app, Verb& chosen)
{
	add_list(app, chosen);
	add_show(app, chosen);
	add_wait(app, chosen);
	add_read(app, chosen);
	add_write(app, chosen);
	add_dump(app, chosen);
	add_map(app, chosen);
	add_doctor(app, chosen);
	add_version(app, chosen);
}

int run(const std::vector<std::string>& arguments, const World& world, const Output::Sink& out,
	const Output::Sink& err, bool is_terminal)
{
	CLI::App app("Use device memory that another domain granted to this guest",
		"xen-iomemagent");
	GlobalOptions globals;
	Verb chosen;

	add_global_options(app, globals);
	add_commands(app, chosen);
	// Last, or the verbs would inherit it.
	app.footer(footer);

	const auto output = [&] {
		return Output(app.get_name(), globals.output(is_terminal), out, err);
	};
	try {
		if (const auto status = parse_command_line(app, arguments, out, err))
			return *status;
		auto talk = output();
		Context context{globals, world, talk};
		return chosen(context);
	} catch (const Error& error) {
		return output().failure(error);
	} catch (const std::exception& error) {
		return output().failure({iomemgrant::kind::internal, error.what()});
	}
}

} // namespace iomemgrant::agent
