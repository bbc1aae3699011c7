// SPDX-License-Identifier: GPL-2.0-or-later
#include <output/help.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <output/arguments.h>

namespace iomemgrant
{

namespace
{

constexpr std::size_t width = 80;
constexpr std::size_t widest_term = 24;

// A term and its explanation.
using Entry = std::pair<std::string, std::string>;

// Breaks @text at blanks; the first line begins at @column, the others are indented to it.
std::string wrapped(std::string_view text, std::size_t column)
{
	std::string result;
	auto at = column;
	while (!text.empty()) {
		const auto word = text.substr(0, text.find(' '));
		text.remove_prefix(std::min(text.size(), word.size() + 1));
		if (at > column && at + 1 + word.size() > width) {
			result += "\n" + std::string(column, ' ');
			at = column;
		}
		if (at > column) {
			result += ' ';
			at++;
		}
		result += word;
		at += word.size();
	}
	return result;
}

std::string section(std::string_view title, const std::vector<Entry>& entries)
{
	if (entries.empty())
		return "";
	std::size_t column = 0;
	for (const auto& [term, explanation] : entries)
		column = std::max(column, std::min(term.size(), widest_term));
	auto text = fmt::format("\n{}:\n", title);
	for (const auto& [term, explanation] : entries) {
		text += fmt::format("  {:<{}}", term, column);
		if (term.size() > column)
			text += "\n" + std::string(column + 2, ' ');
		text += "  " + wrapped(explanation, column + 4) + "\n";
	}
	return text;
}

std::string term_of(const CLI::Option& option)
{
	std::string term;
	for (const auto& name : option.get_snames())
		term += fmt::format("-{}, ", name);
	term += name_of(option);
	return takes_value(option) ? fmt::format("{}={}", term, option.get_type_name()) : term;
}

std::vector<Entry> options_of(const CLI::App& app, const CLI::App* verb)
{
	std::vector<Entry> entries;
	const auto& where = verb ? *verb : app;
	for (const auto* option : where.get_options()) {
		// Every verb has --help, so it is told once, with the global options.
		if (!option->get_positional() && !(verb && option == verb->get_help_ptr()))
			entries.emplace_back(term_of(*option), option->get_description());
	}
	return entries;
}

bool takes_several(const CLI::Option& positional)
{
	return positional.get_items_expected_max() > 1;
}

std::vector<Entry> arguments_of(const CLI::App& verb)
{
	std::vector<Entry> entries;
	for (const auto* option : verb.get_options()) {
		if (option->get_positional())
			entries.emplace_back(name_of(*option), option->get_description());
	}
	return entries;
}

std::string usage_of(const CLI::App& app, const CLI::App& verb)
{
	auto text = fmt::format("Usage: {} {}", app.get_name(), verb.get_name());
	for (const auto* option : verb.get_options()) {
		if (!option->get_positional())
			continue;
		const auto several = takes_several(*option) ? "..." : "";
		text += option->get_required() ? fmt::format(" {}{}", name_of(*option), several)
					       : fmt::format(" [{}{}]", name_of(*option), several);
	}
	for (const auto* option : verb.get_options()) {
		if (!option->get_positional() && option->get_required())
			text += fmt::format(" {}", term_of(*option));
	}
	return text + " [OPTION]...\n";
}

std::string footer_of(const CLI::App& app)
{
	return app.get_footer().empty() ? "" : "\n" + app.get_footer();
}

std::string global_options(const CLI::App& app)
{
	return section("Global options, before or behind the command", options_of(app, nullptr));
}

} // namespace

std::string help_of(const CLI::App& app, const CLI::App* verb)
{
	if (verb)
		return usage_of(app, *verb) + "\n" + wrapped(verb->get_description(), 0) + "\n" +
			section("Arguments", arguments_of(*verb)) +
			section("Options", options_of(app, verb)) + global_options(app) +
			footer_of(*verb);
	const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
	std::vector<Entry> commands;
	for (const auto* each : verbs)
		commands.emplace_back(each->get_name(), each->get_description());
	return fmt::format("Usage: {}{} [OPTION]...\n\n", app.get_name(),
		       verbs.empty() ? "" : " COMMAND [ARGUMENT]...") +
		wrapped(app.get_description(), 0) + "\n" + section("Commands", commands) +
		(verbs.empty() ? section("Options", options_of(app, nullptr)) : global_options(app)) +
		footer_of(app);
}

} // namespace iomemgrant
