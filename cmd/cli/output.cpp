// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/output.h"

#include <fmt/format.h>

namespace iomemgrant
{

Output::Output(std::string tool, OutputOptions options, Sink out, Sink err)
	: tool_(std::move(tool)), options_(options), out_(std::move(out)), err_(std::move(err))
{
}

Json Output::document(std::string_view verb) const
{
	return {
		{"schema", fmt::format("{}/{}/1", tool_, verb)},
		{"tool_version", IOMEMGRANT_VERSION},
		{"ok", true},
	};
}

void Output::print(const Json& document)
{
	if (!options_.json)
		return;
	// Names come from XenStore and may be no UTF-8: replace rather than throw halfway.
	out_(document.dump(options_.pretty ? 2 : -1) + "\n");
}

void Output::line(std::string_view text)
{
	if (!options_.json)
		out_(fmt::format("{}\n", text));
}

void Output::text(std::string_view text)
{
	if (!options_.json)
		out_(text);
}

void Output::warning(std::string_view message)
{
	warnings_.emplace_back(message);
	if (!options_.quiet)
		err_(fmt::format("{}: warning: {}\n", tool_, message));
}

void Output::trace(int level, std::string_view message)
{
	if (options_.verbose >= level)
		err_(fmt::format("{}: {}\n", tool_, message));
}

std::string Output::failure_text(const Error& error) const
{
	auto text = fmt::format("{}: error: {} [{}]\n", tool_, error.what(), error.kind().slug);
	if (!error.hint().empty())
		text += fmt::format("hint: {}\n", error.hint());
	return text;
}

Json Output::describe(const Error& error)
{
	Json details = Json::object();
	for (const auto& [name, value] : error.details())
		details[name] = value;
	Json described = {
		{"code", error.kind().slug},
		{"exit", error.kind().exit},
		{"message", error.what()},
		{"hint", nullptr},
		{"details", details},
	};
	if (!error.hint().empty())
		described["hint"] = error.hint();
	return described;
}

void Output::complain(const Error& error)
{
	err_(failure_text(error));
}

int Output::failure(const Error& error)
{
	complain(error);
	if (options_.json) {
		auto document = this->document("error");
		document["ok"] = false;
		document["changed"] = error.changed();
		document["error"] = describe(error);
		print(document);
	}
	return error.kind().exit;
}

std::string Output::paint(Colour colour, std::string_view text) const
{
	if (!options_.colour || options_.json || colour == Colour::none)
		return std::string(text);
	const auto code = colour == Colour::good ? "32" : colour == Colour::bad ? "31" : "2";
	return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

} // namespace iomemgrant
