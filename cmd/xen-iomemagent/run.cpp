// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

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

void add_commands(Syntax& program, Command& command)
{
	add_list(program, command);
	add_show(program, command);
	add_wait(program, command);
	add_read(program, command);
	add_write(program, command);
	add_dump(program, command);
	add_map(program, command);
	add_doctor(program, command);
	add_version(program, command);
}

int run(const std::vector<std::string>& arguments, const World& world, const Output::Sink& out,
	const Output::Sink& err, bool is_terminal)
{
	Syntax program(
		"xen-iomemagent", "Use device memory that another domain granted to this guest");
	Command command;
	add_global_options(program, command.globals);
	add_commands(program, command);
	program.footer = footer;
	return run_program(
		program, command.globals, arguments,
		[&](Output& output) { return command.run(world, output); }, out, err, is_terminal);
}

} // namespace iomemgrant::agent
