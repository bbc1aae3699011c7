// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include <CLI/CLI.hpp>

namespace iomemgrant
{

void add_commands(CLI::App& app, Command& command)
{
	add_grant(app, command);
	add_revoke(app, command);
	add_list(app, command);
	add_show(app, command);
	add_doctor(app, command);
	add_bars(app, command);
	add_check(app, command);
	add_gc(app, command);
	add_limits(app, command);
	add_wait(app, command);
	add_monitor(app, command);
	add_version(app, command);
}

int run_command_line(const std::vector<std::string>& arguments, Machine& machine,
	const Output::Sink& out, const Output::Sink& err, bool is_terminal)
{
	CLI::App app("Let a running guest use part of a PCI BAR", "xen-iomemgrant");
	Command command;
	add_global_options(app, command.globals);
	app.add_option("--config", command.config,
		   "Policy file, besides /etc/xen/iomemgrant.toml")
		->type_name("FILE");
	add_commands(app, command);
	const auto output = [&] {
		return Output(app.get_name(), command.globals.output(is_terminal), out, err);
	};
	try {
		if (const auto finished = parse_command_line(app, arguments, out, err))
			return *finished;
		if (command.globals.dry_run && !command.can_dry_run)
			throw Error(kind::no_dry_run, "this command does not know --dry-run",
				"it changes nothing, or cannot tell beforehand what it would change");
		if (!command.config.empty())
			machine.add_policy_file(command.config);
		auto talk = output();
		return command.run(machine, talk);
	} catch (const Error& error) {
		return output().failure(error);
	} catch (const std::exception& error) {
		return output().failure({kind::internal, error.what()});
	}
}

} // namespace iomemgrant
