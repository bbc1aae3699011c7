// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/command_line.h"

#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/unit/support/answer.h"
#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

using Arguments = std::vector<std::string>;

struct Tool {
	Syntax program{"tool", "A tool"};
	GlobalOptions globals;
	std::string out;
	std::string err;
	std::string name;
	bool ran = false;

	Tool()
	{
		add_global_options(program, globals);
		auto& verb = program.add_verb("list", "List");
		verb.callback = [this] { ran = true; };
		verb.add("--name=NAME", &name, "A name");
	}

	std::optional<int> parse(const std::vector<std::string>& arguments)
	{
		return parse_command_line(
			program, arguments, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; });
	}
};

} // namespace

TEST(CommandLine, globals_are_accepted_before_and_after_the_verb)
{
	Tool before;
	EXPECT_EQ(before.parse({"-j", "--timeout=2.5", "list"}), std::nullopt);
	EXPECT_TRUE(before.globals.json);
	EXPECT_EQ(before.globals.timeout, std::chrono::milliseconds(2500));

	Tool after;
	EXPECT_EQ(after.parse({"list", "-jp", "-vv", "--dry-run"}), std::nullopt);
	EXPECT_TRUE(after.globals.json);
	EXPECT_TRUE(after.globals.pretty);
	EXPECT_TRUE(after.globals.dry_run);
	EXPECT_EQ(after.globals.verbose, 2);
}

TEST(CommandLine, a_usage_error_names_the_mistake_and_not_the_whole_help)
{
	Tool tool;
	EXPECT_EQ(tool.parse({"list", "--frobnicate"}), 2);
	EXPECT_EQ(tool.err, "tool: error: list has no option --frobnicate [usage]\n"
			    "hint: tool list --help\n");
	EXPECT_EQ(tool.out, "");
}

TEST(CommandLine, a_usage_error_is_json_when_json_was_asked_for)
{
	Tool tool;
	EXPECT_EQ(tool.parse({"list", "-j", "--frobnicate"}), 2);
	EXPECT_EQ(Answer(tool.out)["error"]["code"], "usage");
}

TEST(CommandLine, no_verb_a_bad_schema_and_a_bad_colour_are_usage_errors)
{
	EXPECT_EQ(Tool().parse({}), 2);
	for (const auto* option : {"--schema=2", "--color=pink", "--timeout=-1"})
		EXPECT_EQ(error_of([&] { return Tool().parse({"list", option}); }).exit, 2);
}

TEST(CommandLine, an_empty_value_is_a_usage_error)
{
	Tool empty;
	EXPECT_EQ(empty.parse({"list", "--name", ""}), 2);
	EXPECT_EQ(empty.err,
		"tool: error: --name: must not be empty [usage]\nhint: tool list --help\n");
	EXPECT_FALSE(empty.ran);
	EXPECT_EQ(Tool().parse({"list", "--timeout", ""}), 2);

	// Nor does the next argument become the value.
	Tool missing;
	EXPECT_EQ(missing.parse({"list", "--name=", "--json"}), 2);
	EXPECT_EQ(missing.err,
		"tool: error: --name: must not be empty [usage]\nhint: tool list --help\n");
	EXPECT_EQ(Tool().parse({"list", "--quiet="}), 2);

	Tool given;
	EXPECT_EQ(given.parse({"list", "--name=a="}), std::nullopt);
	EXPECT_EQ(given.name, "a=");
}

TEST(CommandLine, help_and_version_end_with_0_and_run_nothing)
{
	const Arguments asked[] = {{"list", "--help"}, {"help", "list"}, {"-j", "list", "-h"},
		{"list", "--frobnicate", "--help"}, {"list", "--name", "--help"}};
	for (const auto& arguments : asked) {
		Tool help;
		EXPECT_EQ(help.parse(arguments), 0);
		EXPECT_TRUE(help.out.starts_with("Usage: tool list [OPTION]...\n\nList\n"))
			<< help.out;
		EXPECT_FALSE(help.ran);
	}
	Tool all;
	EXPECT_EQ(all.parse({"help"}), 0);
	EXPECT_EQ(all.out,
		"Usage: tool COMMAND [ARGUMENT]... [OPTION]...\n"
		"\n"
		"A tool\n"
		"\n"
		"Commands:\n"
		"  list  List\n"
		"\n"
		"Global options, before or behind the command:\n"
		"  -h, --help     Print this help message and exit\n"
		"  -V, --version  Display program version information and exit\n"
		"  -j, --json     Print one JSON document instead of text\n"
		"  -p, --pretty   Indent the JSON document\n"
		"  --schema=N     Major version of the JSON documents; there is 1\n"
		"  -n, --dry-run  Check and report, but change nothing\n"
		"  -q, --quiet    Print only what was asked for\n"
		"  -v, --verbose  Tell the steps on stderr (-vv: more)\n"
		"  --color=WHEN   auto, always or never\n"
		"  --timeout=SEC  How long a guest or a change is waited for: seconds, or 500ms,\n"
		"                 5m, 1h\n");

	Tool version;
	EXPECT_EQ(version.parse({"--version"}), 0);
	EXPECT_EQ(version.out, "tool " IOMEMGRANT_VERSION "\n");
}

TEST(CommandLine, a_command_that_does_not_exist_has_no_help)
{
	for (const auto& arguments :
		{Arguments{"bogus", "--help"}, Arguments{"help", "bogus"}, Arguments{"bogus"}}) {
		Tool tool;
		EXPECT_EQ(tool.parse(arguments), 2);
		EXPECT_EQ(tool.err, "tool: error: no command 'bogus' [usage]\nhint: tool --help\n");
		EXPECT_EQ(tool.out, "");
	}
	Tool slip;
	EXPECT_EQ(slip.parse({"lsit"}), 2);
	EXPECT_EQ(slip.err, "tool: error: no command 'lsit' [usage]\n"
			    "hint: did you mean list? tool --help\n");
}

TEST(CommandLine, a_word_means_what_it_says)
{
	// CLI11 would make two of the first, and an option of the second.
	for (const std::string value : {"[a,b]", "--json", "a=b", " ", "\"x\""}) {
		Tool tool;
		EXPECT_EQ(tool.parse({"list", "--name=" + value}), std::nullopt) << value;
		EXPECT_EQ(tool.name, value);
		EXPECT_FALSE(tool.globals.json);
	}
	Tool option;
	EXPECT_EQ(option.parse({"list", "--name", "--json"}), 2);
	EXPECT_EQ(option.err,
		"tool: error: --name needs a value, and '--json' looks like an option [usage]\n"
		"hint: --name=--json if that is the value; tool list --help\n");
}

TEST(StandardOutput, what_did_not_arrive_makes_the_program_fail)
{
	const auto write_all = [](const char* path, int status) {
		if (!std::freopen(path, "w", stdout))
			std::exit(99);
		stdout_sink()("an answer\n");
		std::exit(finish_stdout("tool", status));
	};
	constexpr auto told =
		"^tool: error: write to stdout: No space left on device .io-error.\n$";
	EXPECT_EXIT(write_all("/dev/full", 0), testing::ExitedWithCode(1), told);
	EXPECT_EXIT(write_all("/dev/full", 3), testing::ExitedWithCode(3), told);
	EXPECT_EXIT(write_all("/dev/null", 0), testing::ExitedWithCode(0), "^$");
}

TEST(StandardOutput, a_reader_that_left_does_not_kill)
{
	const auto write_to_nobody = [] {
		survive_broken_pipes();
		int fds[2];
		if (pipe(fds) < 0 || close(fds[0]) < 0 || dup2(fds[1], STDOUT_FILENO) < 0)
			std::exit(99);
		stdout_sink()("an answer\n");
		std::exit(finish_stdout("tool", 0));
	};
	EXPECT_EXIT(write_to_nobody(), testing::ExitedWithCode(1), "Broken pipe .io-error.");
}
