// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/label.h"

#include <algorithm>

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// Not isalnum(): the answer must not depend on the locale.
bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_label_character(char c)
{
	return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
}

} // namespace

std::optional<Label> Label::parse(std::string_view text)
{
	if (text.empty() || text.size() > 63 || !is_alphanumeric(text[0]) ||
		!std::all_of(text.begin(), text.end(), is_label_character))
		return std::nullopt;
	return Label(text);
}

Label Label::from_user(std::string_view text)
{
	if (const auto label = parse(text))
		return *label;
	throw Error(kind::bad_label, fmt::format("'{}' is not a label", text),
		"a label is 1 to 63 of [A-Za-z0-9._-] and starts with a letter or digit");
}

} // namespace iomemgrant
