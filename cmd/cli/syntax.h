// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_SYNTAX_H
#define OUTPUT_SYNTAX_H

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace iomemgrant
{

/// An option of a command line, or one of its words.
struct Option {
	/// The variable that a value is stored in.  A flag sets a bool and is counted in an int.
	/// An optional is engaged exactly if the option is given.  A vector makes an option
	/// repeatable, and takes any number of words.
	using Target =
		std::variant<std::monostate, bool*, int*, std::string*, std::optional<std::string>*,
			std::vector<std::string>*, std::function<void(const std::string&)>>;

	bool is_word() const;
	/// Returns whether a value belongs to the option, in each place it is given.
	bool takes_value() const;
	bool takes_several() const;
	/// Makes a command line with both options an error.
	void excludes(Option& other);

	/// "o" of "-o"; empty if the option has only a long name.
	std::string letter;
	/// "--columns", or "DOMAIN" for a word.
	std::string name;
	/// "COLS" of "--columns=COLS"; empty for a flag and for a word.
	std::string type;
	Target target;
	std::string help;
	bool required = false;
	/// The option that excludes() names, or that names this one.
	const Option* excluded = nullptr;
};

/// Declares the command line of a program or of one of its verbs.  The sources that declare verbs
/// include this instead of CLI11, whose templates take most of the time to compile such a source.
struct Syntax {
	/// Declares --help too.
	Syntax(std::string program_or_verb, std::string what_it_does);

	/// Declares an option or word as the manual writes it: "--no-legend", "-o,--columns=COLS"
	/// or "DOMAIN".
	Option& add(const std::string& written, Option::Target target, std::string help);
	void add_version_option();
	/// The reference is good as long as this object.
	Syntax& add_verb(std::string verb, std::string what_it_does);
	bool is_called(const std::string& word) const;

	std::string name;
	std::string description;
	/// Another name of a verb; may be empty.
	std::string alias;
	/// Ends the help.
	std::string footer;
	/// Called when a command line with this verb has been read; may be empty.
	std::function<void()> callback;
	std::list<Option> options;
	std::list<Syntax> verbs;
};

} // namespace iomemgrant

#endif
