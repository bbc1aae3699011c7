// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands.h"

#include <CLI/CLI.hpp>

namespace iomemgrant
{

namespace
{

constexpr auto footer = "Examples:\n"
			"  xen-iomemgrant bars 03:00.0\n"
			"  xen-iomemgrant grant web1 03:00.0/2@16K+8K --label=nic-doorbell\n"
			"  xen-iomemgrant list\n"
			"  xen-iomemgrant revoke g17\n"
			"\n"
			"`xen-iomemgrant help COMMAND` tells more, xen-iomemgrant(8) everything.\n";

} // namespace

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
	// Last, or the verbs would inherit it.
	app.footer(footer);
	const auto output = [&] {
		return Output(app.get_name(), command.globals.output(is_terminal), out, err);
	};
	try {
		if (const auto finished = parse_command_line(app, arguments, out, err))
			return *finished;
		if (!command.config.empty())
			machine.add_policy_file(command.config);
		if (const auto limit = command.globals.timeout)
			machine.limit_requests(*limit);
		auto talk = output();
		return command.run(machine, talk);
	} catch (const Error& error) {
		return output().failure(error);
	} catch (const std::exception& error) {
		return output().failure({kind::internal, error.what()});
	}
}

} // namespace iomemgrant
