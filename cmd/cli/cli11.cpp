// SPDX-License-Identifier: GPL-2.0-or-later
// The one source that includes CLI11.  Compiling CLI11's templates takes longer than compiling a
// verb.
#include "cmd/cli/cli11.h"

#include <algorithm>
#include <iterator>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// Null for --help and --version, which store nothing.
CLI::Option* declare(CLI::App& app, const Option& option)
{
	const auto names = option.letter.empty()
				   ? option.name
				   : fmt::format("-{},{}", option.letter, option.name);
	return std::visit(
		[&](auto target) -> CLI::Option* {
			using Target = decltype(target);
			if constexpr (std::is_same_v<Target, std::monostate>)
				return nullptr;
			else if constexpr (!std::is_pointer_v<Target>)
				return app.add_option_function<std::string>(names, target);
			else if constexpr (std::is_same_v<Target, bool*> ||
					   std::is_same_v<Target, int*>)
				return app.add_flag(names, *target);
			else
				return app.add_option(names, *target);
		},
		option.target);
}

// Declares the options and words of @syntax; @nr_words of the latter are given.
void declare_all(CLI::App& app, const Syntax& syntax, int nr_words)
{
	for (const auto& option : syntax.options) {
		auto* declared = declare(app, option);
		if (!declared)
			continue;
		if (option.takes_several() && !option.is_word())
			declared->expected(1)->take_all();
		declared->allow_extra_args(false);
		if (!option.is_word() || nr_words <= 0)
			continue;
		// To CLI11 "[a,b]" is two values for an option that may take any number of them.
		const int taken = option.takes_several() ? nr_words : 1;
		if (taken > 1)
			declared->expected(taken);
		nr_words -= taken;
	}
}

int count_words(const std::vector<std::string>& arguments)
{
	const auto words = std::find(arguments.begin(), arguments.end(), "--");
	return static_cast<int>(std::distance(words, arguments.end())) - 1;
}

// CLI11 leaves an optional absent if the value is empty.
void engage_empty(const CLI::App& app, const Syntax& syntax)
{
	for (const auto& option : syntax.options) {
		const auto* target = std::get_if<std::optional<std::string>*>(&option.target);
		if (target && !**target && app.count(option.name))
			(*target)->emplace();
	}
}

} // namespace

void store_values(const Syntax& program, const CommandLine& line)
{
	const auto nr_words = count_words(line.arguments);
	CLI::App app;
	app.fallthrough();
	declare_all(app, program, line.verb ? 0 : nr_words);
	CLI::App* verb = nullptr;
	if (line.verb) {
		app.require_subcommand(1);
		verb = app.add_subcommand(line.verb->name);
		declare_all(*verb, *line.verb, nr_words);
	}
	try {
		// CLI11 takes the arguments as a stack.
		app.parse(std::vector<std::string>(line.arguments.rbegin(), line.arguments.rend()));
	} catch (const CLI::ParseError& error) {
		throw Error(kind::usage, error.what(), program.name + " --help");
	}
	engage_empty(app, program);
	if (verb)
		engage_empty(*verb, *line.verb);
}

} // namespace iomemgrant
