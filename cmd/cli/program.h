// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_PROGRAM_H
#define OUTPUT_PROGRAM_H

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cmd/cli/command_line.h"
#include "cmd/cli/output.h"
#include "cmd/cli/syntax.h"

namespace iomemgrant
{

/// A parsed command line: the global options, and the verb with its own options as something to
/// run.  Parsing fills it and opens nothing.  @Place is the machine as the program sees it; tests
/// hand in another one.
template <typename Place>
struct CommandOn {
	GlobalOptions globals;
	/// Returns the exit status; throws Error.
	std::function<int(Place&, Output&)> run;
};

/// Completes the declaration of @verb: once a command line with it has been read, @parse makes
/// typed values of its words, and @command is to run @run with them.
template <typename Place, typename Run, typename Parse>
void on_verb(Syntax& verb, CommandOn<Place>& command, Run run, Parse parse)
{
	verb.callback = [&command, parse = std::move(parse), run] {
		command.run = [parsed = parse(), run](Place& place, Output& output) {
			return run(parsed, place, output);
		};
	};
}

/// The whole program except for the process around it: parses @arguments, which are without the
/// program's name, calls @run and reports what it throws.  Returns the exit status.
int run_program(const Syntax& program, const GlobalOptions& globals,
	const std::vector<std::string>& arguments, const std::function<int(Output&)>& run,
	const Output::Sink& out, const Output::Sink& err, bool is_terminal);

} // namespace iomemgrant

#endif
