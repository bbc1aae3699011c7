// SPDX-License-Identifier: GPL-2.0-or-later
#include <output/command_line.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iomemgrant/closest.h>
#include <output/arguments.h>
#include <output/help.h>

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

// To CLI11 "[a,b]" is two values for an option that may take any number of them.
void take_words_literally(CLI::App& app, const CommandLine& line)
{
	const auto& arguments = line.arguments;
	const auto words = std::find(arguments.begin(), arguments.end(), "--");
	auto left = static_cast<int>(std::distance(words, arguments.end())) - 1;
	for (auto* option : line.verb ? app.get_subcommand(line.verb->get_name())->get_options()
				      : app.get_options()) {
		option->allow_extra_args(false);
		if (!option->get_positional() || left <= 0)
			continue;
		const int taken = option->get_items_expected_max() > 1 ? left : 1;
		if (taken > 1)
			option->expected(taken);
		left -= taken;
	}
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

void add_global_options(CLI::App& app, GlobalOptions& options)
{
	app.fallthrough();
	app.require_subcommand(1);
	app.set_version_flag("-V,--version", fmt::format("{} {}", app.get_name(), IOMEMGRANT_VERSION));
	app.add_flag("-j,--json", options.json, "Print one JSON document instead of text");
	app.add_flag("-p,--pretty", options.pretty, "Indent the JSON document");
	app.add_option_function<std::string>(
		   "--schema",
		   [](const std::string& text) { (void)parse_choice("--schema", text, {"1"}); },
		   "Major version of the JSON documents; there is 1")
		->type_name("N");
	app.add_flag("-n,--dry-run", options.dry_run, "Check and report, but change nothing");
	app.add_flag("-q,--quiet", options.quiet, "Print only what was asked for");
	app.add_flag("-v,--verbose", options.verbose, "Tell the steps on stderr (-vv: more)");
	app.add_option_function<std::string>(
		   "--color",
		   [&options](const std::string& text) {
			   options.colour =
				   parse_choice("--color", text, {"auto", "always", "never"});
		   },
		   "auto, always or never")
		->type_name("WHEN");
	app.add_option_function<std::string>(
		   "--timeout",
		   [&options](const std::string& text) {
			   options.timeout = parse_duration("--timeout", text);
		   },
		   "How long a guest or a change is waited for: seconds, or 500ms, 5m, 1h")
		->type_name("SEC");
}

std::optional<int> parse_command_line(CLI::App& app, const std::vector<std::string>& arguments,
	const Output::Sink& out, const Output::Sink& err)
{
	const auto refused = [&](const Error& error) {
		OutputOptions options;
		options.json = wants_json(arguments);
		return Output(app.get_name(), options, out, err).failure(error);
	};
	CommandLine line;
	try {
		line = read_arguments(app, arguments);
	} catch (const Error& error) {
		return refused(error);
	}
	switch (line.wants) {
	case CommandLine::Wants::help:
		out(help_of(app, line.verb));
		return 0;
	case CommandLine::Wants::version:
		out(fmt::format("{} {}\n", app.get_name(), IOMEMGRANT_VERSION));
		return 0;
	case CommandLine::Wants::run:
		break;
	}
	take_words_literally(app, line);
	try {
		// CLI11 takes the arguments as a stack.
		app.parse(std::vector<std::string>(line.arguments.rbegin(), line.arguments.rend()));
	} catch (const CLI::ParseError& error) {
		return refused({kind::usage, error.what(), app.get_name() + " --help"});
	}
	return std::nullopt;
}

std::string parse_choice(const std::string& option, const std::string& text,
	const std::vector<std::string>& choices)
{
	if (std::find(choices.begin(), choices.end(), text) != choices.end())
		return text;
	auto list = fmt::format("{}", fmt::join(choices.begin(), std::prev(choices.end()), ", "));
	if (!list.empty())
		list += " or ";
	const auto near = closest(text, choices, text.size() / 3);
	throw Error(kind::usage, fmt::format("{}: '{}' is not {}{}", option, text, list, choices.back()),
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
