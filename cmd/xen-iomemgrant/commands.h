// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_COMMANDS_H
#define XEN_IOMEMGRANT_COMMANDS_H

#include <string>

#include "cmd/cli/program.h"
#include "cmd/xen-iomemgrant/machine/machine.h"

namespace iomemgrant
{

struct Command : CommandOn<Machine> {
	/// A policy file besides the machine's own.
	std::string config;
};

// Each declares one verb.
void add_bars(Syntax& program, Command& command);
void add_check(Syntax& program, Command& command);
void add_grant(Syntax& program, Command& command);
void add_revoke(Syntax& program, Command& command);
void add_limits(Syntax& program, Command& command);
void add_list(Syntax& program, Command& command);
void add_show(Syntax& program, Command& command);
void add_doctor(Syntax& program, Command& command);
void add_gc(Syntax& program, Command& command);
void add_monitor(Syntax& program, Command& command);
void add_wait(Syntax& program, Command& command);
void add_version(Syntax& program, Command& command);

/// All of them.
void add_commands(Syntax& program, Command& command);

/// The whole program but for opening the machine: parses @arguments, runs the verb on @machine
/// and reports.  Returns the exit status.
int run_command_line(const std::vector<std::string>& arguments, Machine& machine,
	const Output::Sink& out, const Output::Sink& err, bool is_terminal);

} // namespace iomemgrant

#endif
