// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_COMMANDS_H
#define XEN_IOMEMAGENT_COMMANDS_H

#include <functional>

#include "cmd/cli/command_line.h"
#include "cmd/cli/output.h"
#include "cmd/xen-iomemagent/mapped_grant.h"
#include "lib/host/grant_device.h"

namespace iomemgrant::agent
{

/// Explains the argument that names a grant.
inline constexpr auto grant_name_help = "17, g17 or id:17; or LABEL or label:LABEL";

/// The machine as the program sees it; tests hand in another one.
struct World {
	Roots roots;
	/// Asks the module for its features; throws Error no-module or permission.
	std::function<ModuleInfo()> module_info;
};

/// Arguments of a verb, once the command line is parsed.
struct Context {
	const GlobalOptions& globals;
	const World& world;
	Output& output;
};

/// The verb the user chose; returns the exit status.  Set by the parser, called after it.
using Verb = std::function<int(Context&)>;

// Each declares one verb and touches nothing else.
void add_list(Syntax& program, Verb& chosen);
void add_show(Syntax& program, Verb& chosen);
void add_wait(Syntax& program, Verb& chosen);
void add_read(Syntax& program, Verb& chosen);
void add_write(Syntax& program, Verb& chosen);
void add_dump(Syntax& program, Verb& chosen);
void add_map(Syntax& program, Verb& chosen);
void add_doctor(Syntax& program, Verb& chosen);
void add_version(Syntax& program, Verb& chosen);

/// All of them.
void add_commands(Syntax& program, Verb& chosen);

/// The whole program except for the process around it: @arguments are without the program's name.
int run(const std::vector<std::string>& arguments, const World& world, const Output::Sink& out,
	const Output::Sink& err, bool is_terminal);

} // namespace iomemgrant::agent

#endif
