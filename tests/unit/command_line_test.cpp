// SPDX-License-Identifier: GPL-2.0-or-later
#include <output/command_line.h>

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
	bool ran = false;

	Tool()
	{
		add_global_options(app, globals);
		app.add_subcommand("list", "List")->callback([this] { ran = true; });
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
