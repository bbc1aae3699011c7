// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_FIELDS_H
#define OUTPUT_FIELDS_H

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cli/output.h"

namespace iomemgrant
{

/// One fact about an item.  The array of them is all there is to say about items of one kind; JSON,
/// `show` and the columns of `list` come from it.
template <typename Item>
struct Field {
	const char* key;    ///< in JSON and in `show`
	const char* column; ///< in `list`
	/// Empty where the item has no such thing, which readers see as "-".
	std::string (*text)(const Item&);
	/// Null for a field that another one contains in JSON.
	Json (*json)(const Item&);
};
template <typename Item>
using Fields = std::span<const Field<Item>>;
template <typename Item>
using Columns = std::vector<const Field<Item>*>;

std::string or_dash(std::string text);
std::string upper_case(std::string_view text);
std::vector<std::string_view> split_at_commas(std::string_view text);
Error no_column(std::string_view name, const std::vector<std::string>& names);

/// Field::json of a field whose JSON is its text, or null if that is empty.
template <auto Text, typename Item>
Json text_or_null(const Item& item)
{
	const auto text = Text(item);
	return text.empty() ? Json(nullptr) : Json(text);
}

template <typename Item>
Json fields_json(Fields<Item> fields, const Item& item)
{
	auto object = Json::object();
	for (const auto& field : fields) {
		if (field.json)
			object[field.key] = field.json(item);
	}
	return object;
}

template <typename Item>
std::vector<std::string> column_names(Fields<Item> fields)
{
	std::vector<std::string> names;
	for (const auto& field : fields)
		names.emplace_back(field.column);
	return names;
}

/// Reads "id,state" in either case, or "+devid" for @usual and that.  Throws Error usage.
template <typename Item>
Columns<Item> parse_columns(Fields<Item> fields, std::string_view text, std::string_view usual)
{
	Columns<Item> columns;
	if (text.starts_with('+')) {
		columns = parse_columns(fields, usual, usual);
		text.remove_prefix(1);
	}
	for (const auto name : split_at_commas(text)) {
		const auto found =
			std::find_if(fields.begin(), fields.end(), [&](const Field<Item>& field) {
				return name == field.key ||
				       upper_case(name) == upper_case(field.column);
			});
		if (found == fields.end())
			throw no_column(name, column_names(fields));
		columns.push_back(&*found);
	}
	return columns;
}

} // namespace iomemgrant

#endif
