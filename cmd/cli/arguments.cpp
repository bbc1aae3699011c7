// SPDX-License-Identifier: GPL-2.0-or-later
// CLI11 guesses: after `--label=` it takes the next word, in `--label --json` it takes the option
// for the label, an unknown command it calls a missing one, and `bogus --help` it answers with 0;
// its versions differ in the rest.  So nothing reaches it before it is unambiguous.
#include "cmd/cli/arguments.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/text/closest.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

std::string did_you_mean(const std::string& typed, const std::vector<std::string>& known)
{
	const auto near = closest(typed, known, std::max<std::size_t>(2, typed.size() / 3));
	return near.empty() ? "" : fmt::format("did you mean {}? ", fmt::join(near, " or "));
}

class Reader
{
public:
	explicit Reader(const Syntax& program) : program_(program) {}

	CommandLine read(const std::vector<std::string>& arguments)
	{
		for (next_ = arguments.begin(); next_ != arguments.end();) {
			const auto& word = *next_++;
			if (words_only_ || word.size() < 2 || word[0] != '-')
				take_word(word);
			else if (word == "--")
				words_only_ = true;
			else if (word[1] == '-')
				take_long(word, arguments.end());
			else
				take_short(word, arguments.end());
		}
		if (line_.wants == CommandLine::Wants::run)
			require_complete();
		return finished();
	}

	/// The line up to the argument that was refused; it has the verb, if that was read.
	const CommandLine& so_far() const { return line_; }

	std::string help_command() const
	{
		return line_.verb ? fmt::format("{} {} --help", program_.name, line_.verb->name)
				  : fmt::format("{} --help", program_.name);
	}

	Error error(const std::string& message, const std::string& hint = "") const
	{
		return {kind::usage, message, hint + help_command()};
	}

private:
	using Words = std::vector<std::string>;

	// `help` and `help VERB` are --help.
	void take_word(const std::string& word)
	{
		if (line_.verb || program_.verbs.empty()) {
			words_.push_back(word);
			return;
		}
		for (const auto& verb : program_.verbs) {
			if (verb.is_called(word)) {
				line_.verb = &verb;
				return;
			}
		}
		if (word == "help" && line_.wants != CommandLine::Wants::help) {
			line_.wants = CommandLine::Wants::help;
			return;
		}
		std::vector<std::string> names;
		for (const auto& verb : program_.verbs)
			names.push_back(verb.name);
		throw error(fmt::format("no command '{}'", word), did_you_mean(word, names));
	}

	void take_long(const std::string& word, Words::const_iterator end)
	{
		const auto equals = word.find('=');
		const auto& option = find(word.substr(2, equals - 2), word.substr(0, equals));
		if (equals == std::string::npos)
			take(option, option.takes_value() ? std::optional(next_value(option, end))
							  : std::nullopt);
		else if (option.takes_value())
			take(option, word.substr(equals + 1));
		else
			throw error(fmt::format("{} takes no value", option.name));
	}

	// "-jpv", "-oCOLS", "-o=COLS", "-o COLS"
	void take_short(const std::string& word, Words::const_iterator end)
	{
		for (std::size_t i = 1; i < word.size(); i++) {
			const auto name = word.substr(i, 1);
			const auto& option = find(name, "-" + name);
			auto rest = word.substr(i + 1);
			if (!option.takes_value()) {
				if (rest.starts_with('='))
					throw error(fmt::format("-{} takes no value", name));
				take(option, std::nullopt);
				continue;
			}
			if (rest.empty())
				rest = next_value(option, end);
			else if (rest.starts_with('='))
				rest.erase(0, 1);
			take(option, rest);
			return;
		}
	}

	std::string next_value(const Option& option, Words::const_iterator end)
	{
		const auto& name = option.name;
		if (next_ == end || *next_ == "--")
			throw error(fmt::format("{} needs a value", name),
				fmt::format("{}={}; ", name, option.type));
		if (next_->size() > 1 && (*next_)[0] == '-')
			throw error(fmt::format("{} needs a value, and '{}' looks like an option",
					    name, *next_),
				fmt::format("{}={} if that is the value; ", name, *next_));
		return *next_++;
	}

	// In a script `--domain "$DOM"` may be empty by mistake, and would then mean every domain.
	void take(const Option& option, const std::optional<std::string>& value)
	{
		if (option.name == "--help")
			line_.wants = CommandLine::Wants::help;
		else if (option.name == "--version" && line_.wants == CommandLine::Wants::run)
			line_.wants = CommandLine::Wants::version;
		const auto& name = option.name;
		if (value && value->empty())
			throw error(fmt::format("{}: must not be empty", name));
		const bool again = !given_.insert(&option).second;
		if (value && again && !option.takes_several())
			throw error(fmt::format("{} is given twice", name));
		options_.push_back(value ? fmt::format("{}={}", name, *value) : name);
	}

	const Option& find(const std::string& name, const std::string& typed) const
	{
		for (const auto* where : {line_.verb, &program_}) {
			if (!where)
				continue;
			for (const auto& option : where->options) {
				if (typed[1] == '-' ? option.name == "--" + name
						    : option.letter == name)
					return option;
			}
		}
		throw unknown(name, typed);
	}

	Error unknown(const std::string& name, const std::string& typed) const
	{
		std::vector<std::string> known;
		for (const auto* where : {line_.verb, &program_}) {
			if (!where)
				continue;
			for (const auto& option : where->options) {
				if (!option.is_word())
					known.push_back(option.name);
			}
		}
		const auto hint = typed[1] == '-' ? did_you_mean(typed, known) : "";
		if (line_.verb)
			return error(
				fmt::format("{} has no option {}", line_.verb->name, typed), hint);
		for (const auto& verb : program_.verbs) {
			const auto has_name = [&](const Option& option) {
				return option.name == "--" + name;
			};
			if (std::ranges::any_of(verb.options, has_name))
				return error(fmt::format("{} is an option of a command and comes "
							 "behind it",
						     typed),
					fmt::format("{} {} {}; ", program_.name, verb.name, typed));
		}
		return error(fmt::format("there is no option {}", typed), hint);
	}

	void require_complete() const
	{
		if (!line_.verb && !program_.verbs.empty())
			throw error("no command is given");
		const auto& verb = line_.verb ? *line_.verb : program_;
		require_words(verb);
		for (const auto& option : verb.options) {
			if (option.required && !given(option))
				throw error(fmt::format("{} needs {}{}", verb.name, option.name,
					option.takes_value() ? "=" + option.type : ""));
			if (option.excluded && given(option) && given(*option.excluded))
				throw error(fmt::format("{} and {} exclude each other", option.name,
					option.excluded->name));
		}
	}

	// A word goes to the first argument that has room for it.
	void require_words(const Syntax& verb) const
	{
		std::size_t room = 0;
		bool endless = false;
		for (const auto& option : verb.options) {
			if (!option.is_word())
				continue;
			if (option.required && words_.size() <= room)
				throw error(fmt::format("{} needs {}", verb.name, option.name));
			room++;
			endless |= option.takes_several();
		}
		if (words_.size() > room && !endless)
			throw error(room ? fmt::format("'{}' is one argument too many for {}",
						   words_.at(room), verb.name)
					 : fmt::format("{} takes no argument, and '{}' is one",
						   verb.name, words_.front()));
	}

	bool given(const Option& option) const
	{
		return option.is_word() ? !words_.empty() : given_.contains(&option);
	}

	CommandLine finished()
	{
		auto& arguments = line_.arguments;
		if (line_.verb)
			arguments.push_back(line_.verb->name);
		arguments.insert(arguments.end(), options_.begin(), options_.end());
		if (!words_.empty())
			arguments.push_back("--");
		arguments.insert(arguments.end(), words_.begin(), words_.end());
		return std::move(line_);
	}

	const Syntax& program_;
	CommandLine line_;
	Words::const_iterator next_;
	bool words_only_ = false;
	Words words_;
	Words options_;
	std::set<const Option*> given_;
};

bool asks_for_help(const std::vector<std::string>& arguments)
{
	const auto end = std::find(arguments.begin(), arguments.end(), "--");
	return std::any_of(arguments.begin(), end,
		[](const std::string& word) { return word == "--help" || word == "-h"; });
}

} // namespace

CommandLine read_arguments(const Syntax& program, const std::vector<std::string>& arguments)
{
	Reader reader(program);
	try {
		return reader.read(arguments);
	} catch (const Error&) {
		// --help is answered with the help even if another argument is wrong; but a
		// command that does not exist has none.
		if (!asks_for_help(arguments) || !reader.so_far().verb)
			throw;
		return {CommandLine::Wants::help, reader.so_far().verb, {}};
	}
}

} // namespace iomemgrant
