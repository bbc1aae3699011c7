// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/checkup.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/text/enum_names.h"

namespace iomemgrant
{

namespace
{

using Verdict = Check::Verdict;

constexpr EnumName<Verdict> verdict_names[] = {
	{Verdict::ok, "ok"},
	{Verdict::note, "note"},
	{Verdict::problem, "problem"},
	{Verdict::unchecked, "unchecked"},
};

std::string_view to_string(Verdict verdict)
{
	return name_in(verdict_names, verdict);
}

bool is_good(const Check& check)
{
	return check.verdict == Verdict::ok || check.verdict == Verdict::note;
}

Json to_json(const Check& check)
{
	return {
		{"name", check.name},
		{"verdict", to_string(check.verdict)},
		{"ok", is_good(check)},
		{"checked", check.verdict != Verdict::unchecked},
		{"message", check.message},
		{"remedy", check.hint.empty() ? Json(nullptr) : Json(check.hint)},
		{"code", check.code.empty() ? Json(nullptr) : Json(check.code)},
	};
}

std::string line_of(const Check& check, const Output& output)
{
	const auto colour = check.verdict == Verdict::ok        ? Colour::good
			    : check.verdict == Verdict::problem ? Colour::bad
								: Colour::dim;
	auto line = fmt::format("{}  {:<11}  {}",
		output.paint(colour, fmt::format("{:<7}", to_string(check.verdict))), check.name,
		check.message);
	if (!check.hint.empty())
		line += fmt::format("\n{:<22}hint: {}", "", check.hint);
	return line;
}

// Names all layers that stand on this problem; empty where there is none.
std::string line_of_unchecked(
	const Check& problem, const std::vector<Check>& checks, const Output& output)
{
	std::vector<std::string> names;
	for (const auto& check : checks) {
		if (check.behind == problem.name)
			names.push_back(check.name);
	}
	if (names.empty())
		return {};
	return fmt::format("{}  {:<11}  not checked: {}", output.paint(Colour::dim, "-      "),
		problem.name, fmt::join(names, ", "));
}

} // namespace

void require_api_version(const ModuleInfo& info)
{
	if (info.api_version != module_api_version)
		throw Error(kind::protocol_mismatch,
			fmt::format("the module has API version {}, this program wants {}",
				info.api_version, module_api_version),
			"install the module and the program of one release, and load it again");
}

void Checkup::look(std::string_view name, const std::vector<std::string_view>& stands_on,
	const std::function<std::string()>& ask)
{
	for (const auto& below : stands_on) {
		const auto found = std::ranges::find(checks_, below, &Check::name);
		if (found == checks_.end() || is_good(*found))
			continue;
		// The problem may be several layers below.
		const auto behind = found->behind.empty() ? found->name : found->behind;
		add({std::string(name), Verdict::unchecked,
			fmt::format("not checked, because of {}", behind), "", "", behind});
		return;
	}
	try {
		add({std::string(name), Verdict::ok, ask()});
	} catch (const Error& error) {
		add({std::string(name), Verdict::problem, error.what(), error.hint(),
			std::string(error.kind().slug)});
	}
}

int Checkup::report(Output& output) const
{
	const bool healthy = std::ranges::all_of(checks_, is_good);
	auto document = output.document("doctor");
	document["ok"] = healthy;
	document["checks"] = Json::array();
	for (const auto& check : checks_) {
		document["checks"].push_back(to_json(check));
		if (check.verdict != Verdict::unchecked && (!output.quiet() || !is_good(check)))
			output.line(line_of(check, output));
	}
	for (const auto& check : checks_) {
		const auto line = line_of_unchecked(check, checks_, output);
		if (!output.quiet() && !line.empty())
			output.line(line);
	}
	output.print(document);
	return healthy ? 0 : 9;
}

} // namespace iomemgrant
