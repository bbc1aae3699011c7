// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_COMMAND_LINE_H
#define OUTPUT_COMMAND_LINE_H

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cmd/cli/duration.h"
#include "cmd/cli/output.h"
#include "cmd/cli/syntax.h"

namespace iomemgrant
{

/// The options every verb of both programs takes, before or after the verb.
struct GlobalOptions {
	bool json = false;
	bool pretty = false;
	bool dry_run = false;
	bool quiet = false;
	int verbose = 0;
	std::string colour = "auto";
	/// The time limit of anything that waits, if the user gave one.
	std::optional<std::chrono::milliseconds> timeout;

	/// @is_terminal: stdout is one.  NO_COLOR is honoured.
	OutputOptions output(bool is_terminal) const;
};

/// Declares the global options.
void add_global_options(Syntax& program, GlobalOptions& options);

/// Parses @arguments (without the program's name) as read_arguments() does, fills the options and
/// calls the callback of the verb.
/// Absent: go on and run the verb.  Otherwise help, the version or an error was printed and the
/// value is the exit status.  With --json among the arguments a usage error is a JSON document as
/// well.  Throws what a callback throws of a value it cannot read.
std::optional<int> parse_command_line(const Syntax& program,
	const std::vector<std::string>& arguments, const Output::Sink& out,
	const Output::Sink& err);

/// @text if it is one of @choices.  Throws Error usage naming @option and the choices.
std::string parse_choice(const std::string& option, const std::string& text,
	const std::vector<std::string>& choices);

/// Sinks that write to the process's stdout and stderr.
Output::Sink stdout_sink();
Output::Sink stderr_sink();

/// Something written to stdout did not arrive.  For what would go on writing for ever.
bool stdout_failed();
/// The last thing a program does with stdout: tells on stderr if anything written to it did not
/// arrive.  Returns the exit status of one that would end with @status.
int finish_stdout(const std::string& tool, int status);

/// A reader that leaves makes writing to it fail, and no longer kills this process.
void survive_broken_pipes();

} // namespace iomemgrant

#endif
