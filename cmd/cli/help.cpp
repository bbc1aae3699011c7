// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/help.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

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

std::string term_of(const Option& option)
{
	auto term = option.letter.empty() ? "" : fmt::format("-{}, ", option.letter);
	term += option.name;
	return option.takes_value() ? fmt::format("{}={}", term, option.type) : term;
}

std::vector<Entry> options_of(const Syntax& program, const Syntax* verb)
{
	std::vector<Entry> entries;
	for (const auto& option : (verb ? *verb : program).options) {
		// Every verb has --help, so it is told once, with the global options.
		if (!option.is_word() && !(verb && option.name == "--help"))
			entries.emplace_back(term_of(option), option.help);
	}
	return entries;
}

std::vector<Entry> arguments_of(const Syntax& verb)
{
	std::vector<Entry> entries;
	for (const auto& option : verb.options) {
		if (option.is_word())
			entries.emplace_back(option.name, option.help);
	}
	return entries;
}

std::string usage_of(const Syntax& program, const Syntax& verb)
{
	auto text = fmt::format("Usage: {} {}", program.name, verb.name);
	for (const auto& option : verb.options) {
		if (!option.is_word())
			continue;
		const auto several = option.takes_several() ? "..." : "";
		text += option.required ? fmt::format(" {}{}", option.name, several)
					: fmt::format(" [{}{}]", option.name, several);
	}
	for (const auto& option : verb.options) {
		if (!option.is_word() && option.required)
			text += fmt::format(" {}", term_of(option));
	}
	return text + " [OPTION]...\n";
}

std::string footer_of(const Syntax& syntax)
{
	return syntax.footer.empty() ? "" : "\n" + syntax.footer;
}

std::string global_options(const Syntax& program)
{
	return section(
		"Global options, before or behind the command", options_of(program, nullptr));
}

} // namespace

std::string help_of(const Syntax& program, const Syntax* verb)
{
	if (verb)
		return usage_of(program, *verb) + "\n" + wrapped(verb->description, 0) + "\n" +
		       section("Arguments", arguments_of(*verb)) +
		       section("Options", options_of(program, verb)) + global_options(program) +
		       footer_of(*verb);
	const auto& verbs = program.verbs;
	std::vector<Entry> commands;
	for (const auto& each : verbs)
		commands.emplace_back(each.name, each.description);
	return fmt::format("Usage: {}{} [OPTION]...\n\n", program.name,
		       verbs.empty() ? "" : " COMMAND [ARGUMENT]...") +
	       wrapped(program.description, 0) + "\n" + section("Commands", commands) +
	       (verbs.empty() ? section("Options", options_of(program, nullptr))
			      : global_options(program)) +
	       footer_of(program);
}

} // namespace iomemgrant
