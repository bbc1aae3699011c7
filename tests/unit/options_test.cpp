// SPDX-License-Identifier: GPL-2.0-or-later
// The rules of the command line, for every option that the programs declare.
#include <functional>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include <output/arguments.h>
#include <output/help.h>
#include <xen-iomemgrant/commands.h>

#include "agent/guest.h"
#include "error_of.h"

using namespace iomemgrant;

namespace
{

using Arguments = std::vector<std::string>;
using Each = std::function<void(const CLI::App& app, const CLI::App& verb, const CLI::Option&)>;

// Both programs as they declare themselves.
struct Programs {
	Programs()
	{
		add_global_options(granter, command.globals);
		granter.add_option("--config", command.config, "")->type_name("FILE");
		add_commands(granter, command);
		add_global_options(guest, globals);
		agent::add_commands(guest, chosen);
	}

	void each_verb(const std::function<void(const CLI::App&, const CLI::App&)>& act) const
	{
		for (const auto* app : {&granter, &guest}) {
			for (const auto* verb : app->get_subcommands([](const auto*) { return true; }))
				act(*app, *verb);
		}
	}

	// An option of a verb, or a global one given with it.
	void each_option(const Each& act) const
	{
		each_verb([&](const CLI::App& app, const CLI::App& verb) {
			for (const auto* where : {&verb, &app}) {
				for (const auto* option : where->get_options()) {
					if (!option->get_positional())
						act(app, verb, *option);
				}
			}
		});
	}

	CLI::App granter{"", "xen-iomemgrant"};
	Command command;
	CLI::App guest{"", "xen-iomemagent"};
	GlobalOptions globals;
	agent::Verb chosen;
};

// A command line that has everything the verb requires, and @more, but not the option @without.
Arguments complete(const CLI::App& verb, const CLI::Option& without, Arguments more)
{
	Arguments arguments{verb.get_name()};
	for (const auto* option : verb.get_options()) {
		if (!option->get_required() || option == &without || option->get_positional())
			continue;
		arguments.push_back(
			takes_value(*option) ? name_of(*option) + "=1" : name_of(*option));
	}
	arguments.insert(arguments.end(), more.begin(), more.end());
	for (const auto* option : verb.get_options()) {
		if (option->get_positional() && option->get_required())
			arguments.push_back("word");
	}
	return arguments;
}

} // namespace

TEST(Options, no_option_has_an_optional_value)
{
	std::size_t seen = 0;
	Programs().each_option([&](const CLI::App&, const CLI::App&, const CLI::Option& option) {
		seen++;
		EXPECT_EQ(option.get_items_expected_min(), option.get_items_expected_max())
			<< name_of(option);
		EXPECT_LE(option.get_items_expected_max(), 1) << name_of(option);
	});
	EXPECT_GT(seen, 200U);
}

TEST(Options, a_value_follows_a_blank_or_an_equals_sign)
{
	Programs().each_option([](const CLI::App& app, const CLI::App& verb, const CLI::Option& option) {
		if (!takes_value(option))
			return;
		SCOPED_TRACE(verb.get_name() + " " + name_of(option));
		const auto name = name_of(option);
		const auto joined = read_arguments(app, complete(verb, option, {name + "=5"}));
		const auto apart = read_arguments(app, complete(verb, option, {name, "5"}));
		EXPECT_EQ(joined.arguments, apart.arguments);
		EXPECT_NE(std::find(joined.arguments.begin(), joined.arguments.end(), name + "=5"),
			joined.arguments.end());
		for (const auto& letter : option.get_snames()) {
			const auto brief =
				read_arguments(app, complete(verb, option, {"-" + letter, "5"}));
			EXPECT_EQ(brief.arguments, joined.arguments);
		}

		const auto refused = [&](Arguments last) {
			Arguments arguments{verb.get_name()};
			arguments.insert(arguments.end(), last.begin(), last.end());
			return error_of([&] { return read_arguments(app, arguments); }).text;
		};
		EXPECT_EQ(refused({name}), name + " needs a value [usage]");
		EXPECT_EQ(refused({name, "--", "x"}), name + " needs a value [usage]");
		EXPECT_EQ(refused({name + "=", "x"}), name + ": must not be empty [usage]");
		EXPECT_EQ(refused({name, "", "x"}), name + ": must not be empty [usage]");
		EXPECT_EQ(refused({name, "--json"}),
			name + " needs a value, and '--json' looks like an option [usage]");
		if (name != "--allow") {
			EXPECT_EQ(refused({name, "1", name + "=2"}), name + " is given twice [usage]");
		}
	});
}

TEST(Options, a_flag_takes_no_word_and_no_value)
{
	Programs().each_option([](const CLI::App& app, const CLI::App& verb, const CLI::Option& option) {
		const auto name = name_of(option);
		if (takes_value(option) || name == "--help" || name == "--version")
			return;
		SCOPED_TRACE(verb.get_name() + " " + name);
		const auto read = read_arguments(app, complete(verb, option, {name}));
		const auto words = std::find(read.arguments.begin(), read.arguments.end(), "--");
		const auto nr_words = words == read.arguments.end()
			? 0
			: std::distance(words, read.arguments.end()) - 1;
		const auto wanted = complete(verb, option, {});
		EXPECT_EQ(nr_words, std::count(wanted.begin(), wanted.end(), "word"));
		EXPECT_EQ(error_of([&] {
			return read_arguments(app, {verb.get_name(), name + "=1"});
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
	programs.each_verb([&](const CLI::App& app, const CLI::App& verb) {
		const auto help = help_of(app, &verb);
		SCOPED_TRACE(help);
		narrow(help);
		for (const auto* option : verb.get_options()) {
			EXPECT_NE(help.find(name_of(*option)), std::string::npos) << name_of(*option);
			EXPECT_NE(option->get_description(), "") << name_of(*option);
		}
		if (verb.get_options().size() > 1) {
			EXPECT_NE(help.find("\nExamples:\n"), std::string::npos);
		}
	});
}
