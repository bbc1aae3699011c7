// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_COMMANDS_H
#define XEN_IOMEMGRANT_COMMANDS_H

#include <functional>
#include <string>

#include <output/command_line.h>

#include "machine.h"

namespace CLI
{
class App;
}

namespace iomemgrant
{

/// What the command line says: the global options, and the verb with its own options as
/// something to run.  Parsing fills it and opens nothing.
struct Command {
	GlobalOptions globals;
	/// Returns the exit status; throws Error.
	std::function<int(Machine&, Output&)> run;
	/// A policy file besides the machine's own.
	std::string config;
};

// Each declares one verb.
void add_bars(CLI::App& app, Command& command);
void add_check(CLI::App& app, Command& command);
void add_grant(CLI::App& app, Command& command);
void add_revoke(CLI::App& app, Command& command);
void add_limits(CLI::App& app, Command& command);
void add_list(CLI::App& app, Command& command);
void add_show(CLI::App& app, Command& command);
void add_doctor(CLI::App& app, Command& command);
void add_gc(CLI::App& app, Command& command);
void add_monitor(CLI::App& app, Command& command);
void add_wait(CLI::App& app, Command& command);
void add_version(CLI::App& app, Command& command);

/// All of them.
void add_commands(CLI::App& app, Command& command);

/// The whole program but for opening the machine: parses @arguments, runs the verb on @machine
/// and reports.  Returns the exit status.
int run_command_line(const std::vector<std::string>& arguments, Machine& machine,
	const Output::Sink& out, const Output::Sink& err, bool is_terminal);

} // namespace iomemgrant

#endif
