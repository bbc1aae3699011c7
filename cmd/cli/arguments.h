// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_ARGUMENTS_H
#define OUTPUT_ARGUMENTS_H

#include <string>
#include <vector>

#include "cmd/cli/syntax.h"

namespace iomemgrant
{

/// A command line whose every word has its one meaning.
struct CommandLine {
	enum class Wants { run, help, version };

	Wants wants = Wants::run;
	/// The command that was named; null without one.
	const Syntax* verb = nullptr;
	/// For CLI11, in a form that leaves it nothing to guess: the verb, each option with its
	/// value behind a '=', and the other words behind a "--".
	std::vector<std::string> arguments;
};

/// Reads @arguments by what @program declares.  An option takes a value always or never, as the
/// next word or behind a '='; a value that is empty or looks like an option is refused, and so is a
/// word too many, an option given twice, and one that excludes another.  Throws Error usage.
CommandLine read_arguments(const Syntax& program, const std::vector<std::string>& arguments);

} // namespace iomemgrant

#endif
