// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/command_line.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/cli/arguments.h"
#include "cmd/cli/cli11.h"
#include "cmd/cli/help.h"
#include "lib/text/closest.h"

namespace iomemgrant
{

namespace
{

// Before parsing has succeeded this is the only way to know how to report that it has not.
bool wants_json(const std::vector<std::string>& arguments)
{
	for (const auto& argument : arguments) {
		if (argument == "--")
			return false;
		if (argument == "--json")
			return true;
		if (argument.size() > 1 && argument[0] == '-' && argument[1] != '-' &&
			argument.find_first_not_of("jpnqv", 1) == std::string::npos &&
			argument.find('j') != std::string::npos)
			return true;
	}
	return false;
}

// errno of the first write to stdout that failed: stdio remembers only that there was one.
int stdout_error = 0;

} // namespace

OutputOptions GlobalOptions::output(bool is_terminal) const
{
	const char* no_color = std::getenv("NO_COLOR");
	const bool by_default = is_terminal && !(no_color && *no_color);
	return {
		.json = json,
		.pretty = pretty,
		.quiet = quiet,
		.verbose = verbose,
		.colour = colour == "always" || (colour == "auto" && by_default),
	};
}

void add_global_options(Syntax& program, GlobalOptions& options)
{
	program.add_version_option();
	program.add("-j,--json", &options.json, "Print one JSON document instead of text");
	program.add("-p,--pretty", &options.pretty, "Indent the JSON document");
	program.add(
		"--schema=N",
		[](const std::string& text) { (void)parse_choice("--schema", text, {"1"}); },
		"Major version of the JSON documents; there is 1");
	program.add("-n,--dry-run", &options.dry_run, "Check and report, but change nothing");
	program.add("-q,--quiet", &options.quiet, "Print only what was asked for");
	program.add("-v,--verbose", &options.verbose, "Tell the steps on stderr (-vv: more)");
	program.add(
		"--color=WHEN",
		[&options](const std::string& text) {
			options.colour = parse_choice("--color", text, {"auto", "always", "never"});
		},
		"auto, always or never");
	program.add(
		"--timeout=SEC",
		[&options](const std::string& text) {
			options.timeout = parse_duration("--timeout", text);
		},
		"How long a guest or a change is waited for: seconds, or 500ms, 5m, 1h");
}

std::optional<int> parse_command_line(const Syntax& program,
	const std::vector<std::string>& arguments, const Output::Sink& out, const Output::Sink& err)
{
	const auto refused = [&](const Error& error) {
		OutputOptions options;
		options.json = wants_json(arguments);
		return Output(program.name, options, out, err).failure(error);
	};
	CommandLine line;
	try {
		line = read_arguments(program, arguments);
	} catch (const Error& error) {
		return refused(error);
	}
	switch (line.wants) {
	case CommandLine::Wants::help:
		out(help_of(program, line.verb));
		return 0;
	case CommandLine::Wants::version:
		out(fmt::format("{} {}\n", program.name, IOMEMGRANT_VERSION));
		return 0;
	case CommandLine::Wants::run:
		break;
	}
	store_values(program, line);
	if (line.verb && line.verb->callback)
		line.verb->callback();
	return std::nullopt;
}

std::string parse_choice(
	const std::string& option, const std::string& text, const std::vector<std::string>& choices)
{
	if (std::find(choices.begin(), choices.end(), text) != choices.end())
		return text;
	auto list = fmt::format("{}", fmt::join(choices.begin(), std::prev(choices.end()), ", "));
	if (!list.empty())
		list += " or ";
	const auto near = closest(text, choices, text.size() / 3);
	throw Error(kind::usage,
		fmt::format("{}: '{}' is not {}{}", option, text, list, choices.back()),
		near.empty() ? "" : fmt::format("did you mean {}?", fmt::join(near, " or ")));
}

Output::Sink stdout_sink()
{
	return [](std::string_view text) {
		std::fwrite(text.data(), 1, text.size(), stdout);
		const int errnum = errno;
		if (std::ferror(stdout) && !stdout_error)
			stdout_error = errnum;
	};
}

Output::Sink stderr_sink()
{
	return [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); };
}

bool stdout_failed()
{
	return stdout_error != 0;
}

int finish_stdout(const std::string& tool, int status)
{
	if (std::fflush(stdout) != 0) {
		const int errnum = errno;
		if (!stdout_error)
			stdout_error = errnum;
	}
	if (!stdout_error)
		return status;
	// An answer that did not arrive is no answer.
	Output(tool, {}, stdout_sink(), stderr_sink())
		.complain({kind::io_error, fmt::format("write to stdout: {}",
						   std::generic_category().message(stdout_error))});
	return status ? status : kind::io_error.exit;
}

void survive_broken_pipes()
{
	// Caught, not ignored: what is ignored stays ignored in the programs this one runs.
	(void)std::signal(SIGPIPE, [](int) {}); // fails for no signal that there is
}

} // namespace iomemgrant
