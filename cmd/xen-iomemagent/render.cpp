// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/render.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "cmd/cli/table.h"
#include "lib/text/byte_size.h"

namespace iomemgrant::agent
{

namespace
{

using Json = nlohmann::ordered_json;

std::string hex_range(const RefRange& range)
{
	if (range.count == 1)
		return fmt::format("{:#x}", range.first);
	return fmt::format("{:#x}-{:#x}", range.first, range.first + range.count - 1);
}

Field optional_field(std::string_view key, const std::optional<std::string>& value)
{
	if (!value)
		return {key, "-", nullptr};
	return {key, *value, *value};
}

Field changes_field(const Grant::Changes& changes)
{
	const auto names = changes.names();
	return {"changes", names.empty() ? "-" : fmt::format("{}", fmt::join(names, ",")), names};
}

Field refs_field(const std::vector<RefRange>& refs)
{
	Field field{"refs", "", Json::array()};
	for (const auto& range : refs) {
		field.text += (field.text.empty() ? "" : ",") + hex_range(range);
		field.json.push_back(hex_range(range));
	}
	if (field.text.empty())
		field.text = "-";
	return field;
}

std::string upper(std::string_view key)
{
	std::string header(key);
	std::transform(header.begin(), header.end(), header.begin(),
		[](unsigned char c) { return static_cast<char>(std::toupper(c)); });
	return header;
}

} // namespace

std::string column_names()
{
	std::string names;
	for (const auto& field : fields({}))
		names += fmt::format("{}{}", names.empty() ? "" : ", ", field.key);
	return names;
}

std::vector<Field> fields(const MappedGrant& grant)
{
	std::optional<std::string> label;
	std::optional<std::string> node;
	std::optional<std::string> uuid;
	std::optional<std::string> gfn;
	if (grant.label)
		label = grant.label->str();
	if (grant.node)
		node = grant.node->string();
	if (grant.uuid.known())
		uuid = grant.uuid.str();
	if (grant.gfn)
		gfn = fmt::format("{:#x}", *grant.gfn);

	const auto mode = std::string(to_string(grant.access));
	const auto cache = std::string(to_string(grant.cache));
	const Json id = grant.id ? Json(grant.id->value()) : Json(nullptr);
	return {
		{"id", grant.id ? grant.id->str() : "-", id},
		{"size", format_byte_size(grant.length), grant.length},
		{"pages", std::to_string(grant.nr_pages), grant.nr_pages},
		{"mode", mode, mode},
		{"cache", cache, cache},
		{"state", grant.state, grant.state},
		changes_field(grant.changes),
		{"users", std::to_string(grant.users), grant.users},
		optional_field("node", node),
		optional_field("label", label),
		{"granter", grant.granter.str(), grant.granter.value()},
		refs_field(grant.refs),
		optional_field("uuid", uuid),
		optional_field("gfn", gfn),
		{"map", std::to_string(grant.map), grant.map},
	};
}

Json to_json(const MappedGrant& grant)
{
	Json object = Json::object();
	for (auto& field : fields(grant))
		object[std::string(field.key)] = std::move(field.json);
	return object;
}

std::string render_table(const std::vector<MappedGrant>& grants,
	const std::vector<std::string>& columns, bool with_header)
{
	// Where each column stands in the list of fields.
	const auto known = fields({});
	std::vector<std::size_t> places;
	std::vector<std::string> headers;
	for (const auto& column : columns) {
		const auto found = std::find_if(known.begin(), known.end(),
			[&](const Field& field) { return field.key == column; });
		if (found == known.end())
			throw Error(iomemgrant::kind::usage, fmt::format("no column '{}'", column),
				fmt::format("columns: {}", column_names()));
		places.push_back(static_cast<std::size_t>(found - known.begin()));
		headers.push_back(upper(column));
	}

	Table table(headers);
	for (const auto& grant : grants) {
		const auto row = fields(grant);
		std::vector<std::string> cells;
		for (const auto place : places)
			cells.push_back(row[place].text);
		table.add(std::move(cells));
	}
	return table.render(with_header);
}

std::string render_fields(const MappedGrant& grant)
{
	std::string text;
	for (const auto& field : fields(grant))
		text += fmt::format("{:<8} {}\n", field.key, field.text);
	return text;
}

} // namespace iomemgrant::agent
