// SPDX-License-Identifier: GPL-2.0-or-later
// CLI11 guesses: after `--label=` it takes the next word, in `--label --json` it takes the option
// for the label, an unknown command it calls a missing one, and `bogus --help` it answers with 0;
// its versions differ in the rest.  So nothing reaches it before it is unambiguous.
#include <output/arguments.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iomemgrant/closest.h>
#include <iomemgrant/error.h>

namespace iomemgrant
{

namespace
{

std::vector<const CLI::App*> verbs_of(const CLI::App& app)
{
	return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string did_you_mean(const std::string& typed, const std::vector<std::string>& known)
{
	const auto near = closest(typed, known, std::max<std::size_t>(2, typed.size() / 3));
	return near.empty() ? "" : fmt::format("did you mean {}? ", fmt::join(near, " or "));
}

class Reader
{
public:
	explicit Reader(const CLI::App& app) : app_(app) {}

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
		return line_.verb ? fmt::format("{} {} --help", app_.get_name(), line_.verb->get_name())
				  : fmt::format("{} --help", app_.get_name());
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
		const auto verbs = verbs_of(app_);
		if (line_.verb || verbs.empty()) {
			words_.push_back(word);
			return;
		}
		for (const auto* verb : verbs) {
			if (verb->check_name(word)) {
				line_.verb = verb;
				return;
			}
		}
		if (word == "help" && line_.wants != CommandLine::Wants::help) {
			line_.wants = CommandLine::Wants::help;
			return;
		}
		std::vector<std::string> names;
		for (const auto* verb : verbs)
			names.push_back(verb->get_name());
		throw error(fmt::format("no command '{}'", word), did_you_mean(word, names));
	}

	void take_long(const std::string& word, Words::const_iterator end)
	{
		const auto equals = word.find('=');
		const auto name = word.substr(2, equals - 2);
		const auto& option = find(name, word.substr(0, equals));
		if (equals == std::string::npos)
			take(option, takes_value(option) ? std::optional(next_value(option, end))
							 : std::nullopt);
		else if (takes_value(option))
			take(option, word.substr(equals + 1));
		else
			throw error(fmt::format("{} takes no value", name_of(option)));
	}

	// "-jpv", "-oCOLS", "-o=COLS", "-o COLS"
	void take_short(const std::string& word, Words::const_iterator end)
	{
		for (std::size_t i = 1; i < word.size(); i++) {
			const auto name = word.substr(i, 1);
			const auto& option = find(name, "-" + name);
			auto rest = word.substr(i + 1);
			if (!takes_value(option)) {
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

	std::string next_value(const CLI::Option& option, Words::const_iterator end)
	{
		const auto name = name_of(option);
		if (next_ == end || *next_ == "--")
			throw error(fmt::format("{} needs a value", name),
				fmt::format("{}={}; ", name, option.get_type_name()));
		if (next_->size() > 1 && (*next_)[0] == '-')
			throw error(fmt::format("{} needs a value, and '{}' looks like an option",
					    name, *next_),
				fmt::format("{}={} if that is the value; ", name, *next_));
		return *next_++;
	}

	// In a script `--domain "$DOM"` may be empty by mistake, and would then mean every domain.
	void take(const CLI::Option& option, const std::optional<std::string>& value)
	{
		if (is_help(option))
			line_.wants = CommandLine::Wants::help;
		else if (&option == app_.get_version_ptr() && line_.wants == CommandLine::Wants::run)
			line_.wants = CommandLine::Wants::version;
		const auto name = name_of(option);
		if (value && value->empty())
			throw error(fmt::format("{}: must not be empty", name));
		if (value && count_[&option] &&
			option.get_multi_option_policy() != CLI::MultiOptionPolicy::TakeAll)
			throw error(fmt::format("{} is given twice", name));
		count_[&option]++;
		options_.push_back(value ? fmt::format("{}={}", name, *value) : name);
	}

	bool is_help(const CLI::Option& option) const
	{
		return &option == app_.get_help_ptr() ||
			(line_.verb && &option == line_.verb->get_help_ptr());
	}

	const CLI::Option& find(const std::string& name, const std::string& typed) const
	{
		for (const auto* where : {line_.verb, &app_}) {
			if (!where)
				continue;
			for (const auto* option : where->get_options()) {
				if (typed[1] == '-' ? option->check_lname(name)
						    : option->check_sname(name))
					return *option;
			}
		}
		throw unknown(name, typed);
	}

	Error unknown(const std::string& name, const std::string& typed) const
	{
		std::vector<std::string> known;
		for (const auto* where : {line_.verb, &app_}) {
			if (!where)
				continue;
			for (const auto* option : where->get_options()) {
				if (!option->get_lnames().empty())
					known.push_back("--" + option->get_lnames().front());
			}
		}
		const auto hint = typed[1] == '-' ? did_you_mean(typed, known) : "";
		if (line_.verb)
			return error(fmt::format("{} has no option {}", line_.verb->get_name(), typed),
				hint);
		for (const auto* verb : verbs_of(app_)) {
			if (verb->get_option_no_throw("--" + name))
				return error(fmt::format("{} is an option of a command and comes "
							 "behind it",
						     typed),
					fmt::format("{} {} {}; ", app_.get_name(),
						verb->get_name(), typed));
		}
		return error(fmt::format("there is no option {}", typed), hint);
	}

	void require_complete() const
	{
		if (!line_.verb && !verbs_of(app_).empty())
			throw error("no command is given");
		const auto& verb = line_.verb ? *line_.verb : app_;
		require_words(verb);
		for (const auto* option : verb.get_options()) {
			if (option->get_required() && !given(*option))
				throw error(fmt::format("{} needs {}{}", verb.get_name(),
					name_of(*option),
					takes_value(*option) ? "=" + option->get_type_name() : ""));
			for (const auto* other : option->get_excludes()) {
				if (given(*option) && given(*other))
					throw error(fmt::format("{} and {} exclude each other",
						name_of(*option), name_of(*other)));
			}
		}
	}

	// A word goes to the first argument that has room for it.
	void require_words(const CLI::App& verb) const
	{
		std::size_t room = 0;
		for (const auto* option : verb.get_options()) {
			if (!option->get_positional())
				continue;
			if (option->get_required() && words_.size() <= room)
				throw error(fmt::format(
					"{} needs {}", verb.get_name(), name_of(*option)));
			room += static_cast<std::size_t>(option->get_items_expected_max());
		}
		if (words_.size() > room)
			throw error(room ? fmt::format("'{}' is one argument too many for {}",
						   words_.at(room), verb.get_name())
					 : fmt::format("{} takes no argument, and '{}' is one",
						   verb.get_name(), words_.front()));
	}

	bool given(const CLI::Option& option) const
	{
		return option.get_positional() ? !words_.empty() : count_.contains(&option);
	}

	CommandLine finished()
	{
		auto& arguments = line_.arguments;
		if (line_.verb)
			arguments.push_back(line_.verb->get_name());
		arguments.insert(arguments.end(), options_.begin(), options_.end());
		if (!words_.empty())
			arguments.push_back("--");
		arguments.insert(arguments.end(), words_.begin(), words_.end());
		return std::move(line_);
	}

	const CLI::App& app_;
	CommandLine line_;
	Words::const_iterator next_;
	bool words_only_ = false;
	Words words_;
	Words options_;
	std::map<const CLI::Option*, int> count_;
};

bool asks_for_help(const std::vector<std::string>& arguments)
{
	const auto end = std::find(arguments.begin(), arguments.end(), "--");
	return std::any_of(arguments.begin(), end,
		[](const std::string& word) { return word == "--help" || word == "-h"; });
}

} // namespace

bool takes_value(const CLI::Option& option)
{
	return option.get_items_expected_max() > 0;
}

std::string name_of(const CLI::Option& option)
{
	if (!option.get_lnames().empty())
		return "--" + option.get_lnames().front();
	if (!option.get_snames().empty())
		return "-" + option.get_snames().front();
	return option.get_name(true);
}

CommandLine read_arguments(const CLI::App& app, const std::vector<std::string>& arguments)
{
	Reader reader(app);
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
