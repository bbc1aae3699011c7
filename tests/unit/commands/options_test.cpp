// SPDX-License-Identifier: GPL-2.0-or-later
// The rules of the command line, for every option that the programs declare.
#include <functional>

#include <gtest/gtest.h>

#include "cmd/cli/arguments.h"
#include "cmd/cli/help.h"
#include "cmd/xen-iomemgrant/commands.h"
#include "tests/unit/agent/guest.h"
#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

using Arguments = std::vector<std::string>;
using Each = std::function<void(const Syntax& program, const Syntax& verb, const Option&)>;

// Both programs as they declare themselves.
struct Programs {
	Programs()
	{
		add_global_options(granter, command.globals);
		granter.add("--config=FILE", &command.config, "");
		add_commands(granter, command);
		add_global_options(guest, chosen.globals);
		agent::add_commands(guest, chosen);
	}

	void each_verb(const std::function<void(const Syntax&, const Syntax&)>& act) const
	{
		for (const auto* program : {&granter, &guest}) {
			for (const auto& verb : program->verbs)
				act(*program, verb);
		}
	}

	// An option of a verb, or a global one given with it.
	void each_option(const Each& act) const
	{
		each_verb([&](const Syntax& program, const Syntax& verb) {
			for (const auto* where : {&verb, &program}) {
				for (const auto& option : where->options) {
					if (!option.is_word())
						act(program, verb, option);
				}
			}
		});
	}

	Syntax granter{"xen-iomemgrant", ""};
	Command command;
	Syntax guest{"xen-iomemagent", ""};
	agent::Command chosen;
};

// A command line that has everything the verb requires, and @more, but not the option @without.
Arguments complete(const Syntax& verb, const Option& without, Arguments more)
{
	Arguments arguments{verb.name};
	for (const auto& option : verb.options) {
		if (!option.required || &option == &without || option.is_word())
			continue;
		arguments.push_back(option.takes_value() ? option.name + "=1" : option.name);
	}
	arguments.insert(arguments.end(), more.begin(), more.end());
	for (const auto& option : verb.options) {
		if (option.is_word() && option.required)
			arguments.push_back("word");
	}
	return arguments;
}

} // namespace

TEST(Options, no_option_has_an_optional_value)
{
	std::size_t seen = 0;
	Programs().each_option([&](const Syntax&, const Syntax&, const Option& option) {
		seen++;
		const auto& target = option.target;
		const bool is_flag = std::holds_alternative<std::monostate>(target) ||
				     std::holds_alternative<bool*>(target) ||
				     std::holds_alternative<int*>(target);
		EXPECT_EQ(option.takes_value(), !is_flag) << option.name;
	});
	EXPECT_GT(seen, 200U);
}

TEST(Options, a_value_follows_a_blank_or_an_equals_sign)
{
	Programs().each_option([](const Syntax& program, const Syntax& verb, const Option& option) {
		if (!option.takes_value())
			return;
		SCOPED_TRACE(verb.name + " " + option.name);
		const auto name = option.name;
		const auto joined = read_arguments(program, complete(verb, option, {name + "=5"}));
		const auto apart = read_arguments(program, complete(verb, option, {name, "5"}));
		EXPECT_EQ(joined.arguments, apart.arguments);
		EXPECT_NE(std::find(joined.arguments.begin(), joined.arguments.end(), name + "=5"),
			joined.arguments.end());
		if (!option.letter.empty()) {
			const auto brief = read_arguments(
				program, complete(verb, option, {"-" + option.letter, "5"}));
			EXPECT_EQ(brief.arguments, joined.arguments);
		}

		const auto refused = [&](Arguments last) {
			Arguments arguments{verb.name};
			arguments.insert(arguments.end(), last.begin(), last.end());
			return error_of([&] { return read_arguments(program, arguments); }).text;
		};
		EXPECT_EQ(refused({name}), name + " needs a value [usage]");
		EXPECT_EQ(refused({name, "--", "x"}), name + " needs a value [usage]");
		EXPECT_EQ(refused({name + "=", "x"}), name + ": must not be empty [usage]");
		EXPECT_EQ(refused({name, "", "x"}), name + ": must not be empty [usage]");
		EXPECT_EQ(refused({name, "--json"}),
			name + " needs a value, and '--json' looks like an option [usage]");
		if (name != "--allow") {
			EXPECT_EQ(refused({name, "1", name + "=2"}),
				name + " is given twice [usage]");
		}
	});
}

TEST(Options, a_flag_takes_no_word_and_no_value)
{
	Programs().each_option([](const Syntax& program, const Syntax& verb, const Option& option) {
		const auto name = option.name;
		if (option.takes_value() || name == "--help" || name == "--version")
			return;
		SCOPED_TRACE(verb.name + " " + name);
		const auto read = read_arguments(program, complete(verb, option, {name}));
		const auto words = std::find(read.arguments.begin(), read.arguments.end(), "--");
		const auto nr_words = words == read.arguments.end()
					      ? 0
					      : std::distance(words, read.arguments.end()) - 1;
		const auto wanted = complete(verb, option, {});
		EXPECT_EQ(nr_words, std::count(wanted.begin(), wanted.end(), "word"));
		EXPECT_EQ(error_of([&] {
			return read_arguments(program, {verb.name, name + "=1"});
		}).text,
			name + " takes no value [usage]");
	});
}

TEST(Options, help_fits_a_terminal_and_explains_everything)
{
	const auto narrow = [](const std::string& help) {
		for (std::size_t at = 0; at < help.size();) {
			const auto end = std::min(help.find('\n', at), help.size());
			EXPECT_LE(end - at, 80U) << help.substr(at, end - at);
			at = end + 1;
		}
		EXPECT_FALSE(help.ends_with("\n\n")) << help;
	};
	const Programs programs;
	narrow(help_of(programs.granter, nullptr));
	narrow(help_of(programs.guest, nullptr));
	programs.each_verb([&](const Syntax& program, const Syntax& verb) {
		const auto help = help_of(program, &verb);
		SCOPED_TRACE(help);
		narrow(help);
		for (const auto& option : verb.options) {
			EXPECT_NE(help.find(option.name), std::string::npos) << option.name;
			EXPECT_NE(option.help, "") << option.name;
		}
		if (verb.options.size() > 1) {
			EXPECT_NE(help.find("\nExamples:\n"), std::string::npos);
		}
	});
}
