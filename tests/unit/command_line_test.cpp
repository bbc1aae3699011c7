// SPDX-License-Identifier: GPL-2.0-or-later
#include <output/command_line.h>

#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "error_of.h"

using namespace iomemgrant;

namespace
{

struct Tool {
	CLI::App app{"A tool", "tool"};
	GlobalOptions globals;
	std::string out;
	std::string err;
	std::string name;
	bool ran = false;

	Tool()
	{
		add_global_options(app, globals);
		auto* verb = app.add_subcommand("list", "List");
		verb->callback([this] { ran = true; });
		verb->add_option("--name", name, "A name");
	}

	std::optional<int> parse(const std::vector<std::string>& arguments)
	{
		return parse_command_line(
			app, arguments, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; });
	}
};

} // namespace

TEST(CommandLine, globals_are_accepted_before_and_after_the_verb)
{
	Tool before;
	EXPECT_EQ(before.parse({"-j", "--timeout=2.5", "list"}), std::nullopt);
	EXPECT_TRUE(before.globals.json);
	EXPECT_EQ(before.globals.timeout(), std::chrono::milliseconds(2500));

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
	EXPECT_EQ(tool.err,
		"tool: error: The following argument was not expected: --frobnicate [usage]\n"
		"hint: tool list --help\n");
	EXPECT_EQ(tool.out, "");
}

TEST(CommandLine, a_usage_error_is_json_when_json_was_asked_for)
{
	Tool tool;
	EXPECT_EQ(tool.parse({"list", "-j", "--frobnicate"}), 2);
	EXPECT_EQ(Json::parse(tool.out)["error"]["code"], "usage");
}

TEST(CommandLine, no_verb_a_bad_schema_and_a_bad_colour_are_usage_errors)
{
	EXPECT_EQ(Tool().parse({}), 2);
	EXPECT_EQ(Tool().parse({"list", "--schema=2"}), 2);
	EXPECT_EQ(Tool().parse({"list", "--color=pink"}), 2);
	EXPECT_EQ(Tool().parse({"list", "--timeout=-1"}), 2);
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
	EXPECT_EQ(
		missing.err, "tool: error: --name: must not be empty [usage]\nhint: tool --help\n");
	EXPECT_EQ(Tool().parse({"list", "--quiet="}), 2);

	Tool given;
	EXPECT_EQ(given.parse({"list", "--name=a="}), std::nullopt);
	EXPECT_EQ(given.name, "a=");
}

TEST(CommandLine, help_and_version_end_with_0_and_run_nothing)
{
	Tool help;
	EXPECT_EQ(help.parse({"list", "--help"}), 0);
	EXPECT_NE(help.out.find("Global options, before or after the command: -j,--json -p,--pretty "
				"--schema=N\n-n,--dry-run -q,--quiet -v,--verbose --color=WHEN "
				"--timeout=SEC\n"),
		std::string::npos)
		<< help.out;
	EXPECT_FALSE(help.ran);

	Tool version;
	EXPECT_EQ(version.parse({"--version"}), 0);
	EXPECT_EQ(version.out, "tool " IOMEMGRANT_VERSION "\n");
}

TEST(CommandLine, seconds_are_bounded_numbers)
{
	EXPECT_EQ(parse_seconds("--wait", "0.5"), std::chrono::milliseconds(500));
	EXPECT_EQ(error_of([] { return parse_seconds("--wait", "soon"); }),
		(Said{"--wait: 'soon' is not a number of seconds (0 to 86400) [usage]", "", 2}));
	EXPECT_EQ(error_of([] { return parse_seconds("--wait", "nan"); }).exit, 2);
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
