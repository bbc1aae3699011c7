// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/commands.h"

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

void add_commands(Syntax& program, Command& command)
{
	add_grant(program, command);
	add_revoke(program, command);
	add_list(program, command);
	add_show(program, command);
	add_doctor(program, command);
	add_bars(program, command);
	add_check(program, command);
	add_gc(program, command);
	add_limits(program, command);
	add_wait(program, command);
	add_monitor(program, command);
	add_version(program, command);
}

int run_command_line(const std::vector<std::string>& arguments, Machine& machine,
	const Output::Sink& out, const Output::Sink& err, bool is_terminal)
{
	Syntax program("xen-iomemgrant", "Let a running guest use part of a PCI BAR");
	Command command;
	add_global_options(program, command.globals);
	program.add(
		"--config=FILE", &command.config, "Policy file, besides /etc/xen/iomemgrant.toml");
	add_commands(program, command);
	program.footer = footer;
	const auto run = [&](Output& output) {
		if (!command.config.empty())
			machine.add_policy_file(command.config);
		if (const auto limit = command.globals.timeout)
			machine.limit_requests(*limit);
		return command.run(machine, output);
	};
	return run_program(program, command.globals, arguments, run, out, err, is_terminal);
}

} // namespace iomemgrant
