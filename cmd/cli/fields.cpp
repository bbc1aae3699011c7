// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace iomemgrant
{

std::string or_dash(std::string text)
{
	return text.empty() ? "-" : text;
}

std::string upper_case(std::string_view text)
{
	std::string upper(text);
	std::transform(upper.begin(), upper.end(), upper.begin(),
		[](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
	return upper;
}

std::vector<std::string_view> split_at_commas(std::string_view text)
{
	std::vector<std::string_view> parts;
	while (true) {
		parts.push_back(text.substr(0, text.find(',')));
		if (parts.back().size() == text.size())
			return parts;
		text.remove_prefix(parts.back().size() + 1);
	}
}

Error no_column(std::string_view name, const std::vector<std::string>& names)
{
	return {kind::usage, fmt::format("no column '{}'", name),
		fmt::format("columns: {}", fmt::join(names, ", "))};
}

} // namespace iomemgrant
