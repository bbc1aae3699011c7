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

void add_commands(Syntax& program, Verb& chosen)
{
	add_list(program, chosen);
	add_show(program, chosen);
	add_wait(program, chosen);
	add_read(program, chosen);
	add_write(program, chosen);
	add_dump(program, chosen);
	add_map(program, chosen);
	add_doctor(program, chosen);
	add_version(program, chosen);
}

int run(const std::vector<std::string>& arguments, const World& world, const Output::Sink& out,
	const Output::Sink& err, bool is_terminal)
{
	Syntax program(
		"xen-iomemagent", "Use device memory that another domain granted to this guest");
	GlobalOptions globals;
	Verb chosen;

	add_global_options(program, globals);
	add_commands(program, chosen);
	program.footer = footer;

	const auto output = [&] {
		return Output(program.name, globals.output(is_terminal), out, err);
	};
	try {
		if (const auto status = parse_command_line(program, arguments, out, err))
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
