// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/output.h"

#include <gtest/gtest.h>

#include "tests/unit/support/answer.h"

using namespace iomemgrant;

namespace
{

struct Captured {
	std::string out;
	std::string err;

	Output output(OutputOptions options = {})
	{
		return {"xen-iomemgrant", options, [this](std::string_view text) { out += text; },
			[this](std::string_view text) { err += text; }};
	}
};

Error driver_bound()
{
	return Error(kind::driver_bound, "0000:03:00.0 is driven by 'i40e' in dom0",
		"unbind it, or --allow=driver-bound to share")
		.with("bdf", "0000:03:00.0")
		.with("driver", "i40e");
}

} // namespace

TEST(Output, an_error_is_one_line_with_its_slug_and_a_hint_line)
{
	Captured captured;
	EXPECT_EQ(captured.output().failure(driver_bound()), 6);
	EXPECT_EQ(captured.out, "");
	EXPECT_EQ(captured.err,
		"xen-iomemgrant: error: 0000:03:00.0 is driven by 'i40e' in dom0 [driver-bound]\n"
		"hint: unbind it, or --allow=driver-bound to share\n");
}

TEST(Output, with_json_the_error_is_a_document_as_well)
{
	Captured captured;
	EXPECT_EQ(captured.output({.json = true}).failure(driver_bound()), 6);
	const auto document = Answer(captured.out);
	EXPECT_EQ(document["schema"], "xen-iomemgrant/error/1");
	EXPECT_EQ(document["ok"], false);
	EXPECT_EQ(document["changed"], false);
	EXPECT_EQ(document["error"].dump(),
		R"({"code":"driver-bound","exit":6,"message":"0000:03:00.0 is driven by 'i40e' in dom0",)"
		R"("hint":"unbind it, or --allow=driver-bound to share",)"
		R"("details":{"bdf":"0000:03:00.0","driver":"i40e"}})");
	EXPECT_NE(captured.err, "");
}

TEST(Output, text_and_json_never_mix_on_stdout)
{
	Captured captured;
	auto text = captured.output();
	text.line("hello");
	text.print(text.document("list"));
	EXPECT_EQ(captured.out, "hello\n");

	captured.out.clear();
	auto json = captured.output({.json = true});
	json.line("hello");
	json.print(json.document("list"));
	EXPECT_EQ(captured.out,
		"{\"schema\":\"xen-iomemgrant/list/1\",\"tool_version\":\"" IOMEMGRANT_VERSION
		"\",\"ok\":true}\n");
}

TEST(Output, bytes_that_are_no_utf8_do_not_break_the_document)
{
	Captured captured;
	auto output = captured.output({.json = true});
	auto document = output.document("list");
	document["name"] = "\xff";
	output.print(document);
	EXPECT_NO_THROW(Answer{captured.out});
}
