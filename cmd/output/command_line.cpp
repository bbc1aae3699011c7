// SPDX-License-Identifier: GPL-2.0-or-later
#include <output/command_line.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace iomemgrant
{

namespace
{

// CLI11 does not show a verb's help the options it inherits.
std::string global_help(const CLI::App& app)
{
	std::string text = "Global options, before or after the command:";
	std::size_t column = text.size();
	for (const auto* option : app.get_options()) {
		if (option == app.get_help_ptr() || option == app.get_version_ptr())
			continue;
		auto name = option->get_name(false, true);
		// What it may be follows a colon.
		const auto type = option->get_type_name();
		if (option->get_items_expected_max() > 0)
			name += "=" + type.substr(0, type.find(':'));
		const bool fits = column + 1 + name.size() <= 80;
		text += (fits ? " " : "\n") + name;
		column = fits ? column + 1 + name.size() : name.size();
	}
	return text;
}

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

constexpr auto empty_value = "must not be empty";

// In a script `--domain "$DOM"` may be empty by mistake, and would then mean every domain.
void refuse_empty_values(CLI::App& app)
{
	const std::function<std::string(const std::string&)> check = [](const std::string& value) {
		return value.empty() ? std::string(empty_value) : std::string();
	};
	for (auto* option : app.get_options()) {
		if (option->nonpositional() && option->get_items_expected_min() > 0)
			option->check(check);
	}
}

// After `--domain=` CLI11 takes the next argument for the value.
void refuse_missing_values(const std::vector<std::string>& arguments)
{
	for (const auto& argument : arguments) {
		if (argument == "--")
			return;
		if (argument.starts_with("--") && argument.find('=') == argument.size() - 1)
			throw CLI::ValidationError(
				argument.substr(0, argument.size() - 1), empty_value);
	}
}

// errno of the first write to stdout that failed: stdio remembers only that there was one.
int stdout_error = 0;

// The verb the user was typing, for the hint.
const CLI::App& innermost(const CLI::App& app)
{
	const auto verbs = app.get_subcommands();
	return verbs.empty() ? app : *verbs.front();
}

Error usage_error(const CLI::App& app, const CLI::ParseError& error)
{
	std::string message = error.what();
	std::replace(message.begin(), message.end(), '\n', ' ');
	const auto& verb = innermost(app);
	return {kind::usage, message,
		&verb == &app ? fmt::format("{} --help", app.get_name())
			      : fmt::format("{} {} --help", app.get_name(), verb.get_name())};
}

} // namespace

std::optional<std::chrono::milliseconds> GlobalOptions::timeout() const
{
	if (!timeout_seconds)
		return std::nullopt;
	return std::chrono::milliseconds(std::llround(*timeout_seconds * 1000));
}

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
	app.add_option("--schema", options.schema, "Major version of the JSON documents")
		->check(CLI::IsMember({1}))
		->type_name("N");
	app.add_flag("-n,--dry-run", options.dry_run, "Check and report, but change nothing");
	app.add_flag("-q,--quiet", options.quiet, "Print only what was asked for");
	app.add_flag("-v,--verbose", options.verbose, "Tell the steps on stderr (-vv: more)");
	app.add_option("--color", options.colour, "auto, always or never")
		->check(CLI::IsMember({"auto", "always", "never"}))
		->type_name("WHEN");
	app.add_option("--timeout", options.timeout_seconds,
		   "How long a guest or a change is waited for")
		->check(CLI::Range(0.0, 86400.0))
		->type_name("SEC");
}

std::optional<int> parse_command_line(CLI::App& app, const std::vector<std::string>& arguments,
	const Output::Sink& out, const Output::Sink& err)
{
	for (auto* verb : app.get_subcommands(nullptr)) {
		if (verb->get_footer().empty())
			verb->footer(global_help(app));
		refuse_empty_values(*verb);
	}
	refuse_empty_values(app);
	try {
		refuse_missing_values(arguments);
		// CLI11 takes the arguments as a stack.
		app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
		return std::nullopt;
	} catch (const CLI::CallForHelp&) {
		out(innermost(app).help(&innermost(app) == &app ? "" : app.get_name()));
		return 0;
	} catch (const CLI::CallForAllHelp&) {
		out(app.help("", CLI::AppFormatMode::All));
		return 0;
	} catch (const CLI::CallForVersion& version) {
		out(fmt::format("{}\n", version.what()));
		return 0;
	} catch (const CLI::ParseError& error) {
		OutputOptions options;
		options.json = wants_json(arguments);
		return Output(app.get_name(), options, out, err).failure(usage_error(app, error));
	}
}

std::chrono::milliseconds parse_seconds(const std::string& option, const std::string& text)
{
	double seconds = 0;
	const auto [end, status] =
		std::from_chars(text.data(), text.data() + text.size(), seconds);
	if (text.empty() || status != std::errc() || end != text.data() + text.size() ||
		!(seconds >= 0 && seconds <= 86400))
		throw Error(kind::usage,
			fmt::format("{}: '{}' is not a number of seconds (0 to 86400)", option, text));
	return std::chrono::milliseconds(std::llround(seconds * 1000));
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
