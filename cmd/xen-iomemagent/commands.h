// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_COMMANDS_H
#define XEN_IOMEMAGENT_COMMANDS_H

#include <functional>

#include "cmd/cli/program.h"
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

using Command = CommandOn<const World>;

// Each declares one verb and touches nothing else.
void add_list(Syntax& program, Command& command);
void add_show(Syntax& program, Command& command);
void add_wait(Syntax& program, Command& command);
void add_read(Syntax& program, Command& command);
void add_write(Syntax& program, Command& command);
void add_dump(Syntax& program, Command& command);
void add_map(Syntax& program, Command& command);
void add_doctor(Syntax& program, Command& command);
void add_version(Syntax& program, Command& command);

/// All of them.
void add_commands(Syntax& program, Command& command);

/// The whole program except for the process around it: @arguments are without the program's name.
int run(const std::vector<std::string>& arguments, const World& world, const Output::Sink& out,
	const Output::Sink& err, bool is_terminal);

} // namespace iomemgrant::agent

#endif
