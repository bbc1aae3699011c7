// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/syntax.h"

#include <utility>

namespace iomemgrant
{

bool Option::is_word() const
{
	return !name.starts_with('-');
}

bool Option::takes_value() const
{
	return !type.empty();
}

bool Option::takes_several() const
{
	return std::holds_alternative<std::vector<std::string>*>(target);
}

void Option::excludes(Option& other)
{
	excluded = &other;
	other.excluded = this;
}

Syntax::Syntax(std::string program_or_verb, std::string what_it_does)
	: name(std::move(program_or_verb)), description(std::move(what_it_does))
{
	add("-h,--help", {}, "Print this help message and exit");
}

Option& Syntax::add(const std::string& written, Option::Target target, std::string help)
{
	auto& option = options.emplace_back();
	option.name = written;
	option.target = std::move(target);
	option.help = std::move(help);
	if (!option.is_word() && !written.starts_with("--")) {
		option.letter = written.substr(1, 1);
		option.name = written.substr(written.find(',') + 1);
	}
	if (const auto equals = option.name.find('='); equals != std::string::npos) {
		option.type = option.name.substr(equals + 1);
		option.name.erase(equals);
	}
	return option;
}

void Syntax::add_version_option()
{
	add("-V,--version", {}, "Display program version information and exit");
}

Syntax& Syntax::add_verb(std::string verb, std::string what_it_does)
{
	return verbs.emplace_back(std::move(verb), std::move(what_it_does));
}

bool Syntax::is_called(const std::string& word) const
{
	return word == name || (!alias.empty() && word == alias);
}

} // namespace iomemgrant
