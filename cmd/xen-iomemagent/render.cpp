// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/render.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/cli/fields.h"
#include "cmd/cli/table.h"
#include "lib/text/byte_size.h"

namespace iomemgrant::agent
{

namespace
{

using Texts = std::vector<std::string>;

std::string hex_range(const RefRange& range)
{
	if (range.count == 1)
		return fmt::format("{:#x}", range.first);
	return fmt::format("{:#x}-{:#x}", range.first, range.first + range.count - 1);
}

Texts refs_of(const MappedGrant& grant)
{
	Texts texts;
	for (const auto& range : grant.refs)
		texts.push_back(hex_range(range));
	return texts;
}

std::string joined(const auto& texts)
{
	return fmt::format("{}", fmt::join(texts, ","));
}

std::string mode_of(const MappedGrant& grant)
{
	return std::string(to_string(grant.access));
}

std::string cache_of(const MappedGrant& grant)
{
	return std::string(to_string(grant.cache));
}

std::string node_of(const MappedGrant& grant)
{
	return grant.node ? grant.node->string() : "";
}

std::string label_of(const MappedGrant& grant)
{
	return grant.label ? grant.label->str() : "";
}

std::string uuid_of(const MappedGrant& grant)
{
	return grant.uuid.known() ? grant.uuid.str() : "";
}

std::string gfn_of(const MappedGrant& grant)
{
	return grant.gfn ? fmt::format("{:#x}", *grant.gfn) : "";
}

constexpr Field<MappedGrant> fields[] = {
	{"id", "id", [](const MappedGrant& g) { return g.id ? g.id->str() : std::string(); },
		[](const MappedGrant& g) { return g.id ? Json(g.id->value()) : Json(nullptr); }},
	{"size", "size", [](const MappedGrant& g) { return format_byte_size(g.length); },
		[](const MappedGrant& g) { return Json(g.length); }},
	{"pages", "pages", [](const MappedGrant& g) { return std::to_string(g.nr_pages); },
		[](const MappedGrant& g) { return Json(g.nr_pages); }},
	{"mode", "mode", mode_of, text_or_null<mode_of>},
	{"cache", "cache", cache_of, text_or_null<cache_of>},
	{"state", "state", [](const MappedGrant& g) { return g.state; },
		[](const MappedGrant& g) { return Json(g.state); }},
	{"changes", "changes", [](const MappedGrant& g) { return joined(g.changes.names()); },
		[](const MappedGrant& g) { return Json(g.changes.names()); }},
	{"users", "users", [](const MappedGrant& g) { return std::to_string(g.users); },
		[](const MappedGrant& g) { return Json(g.users); }},
	{"node", "node", node_of, text_or_null<node_of>},
	{"label", "label", label_of, text_or_null<label_of>},
	{"granter", "granter", [](const MappedGrant& g) { return g.granter.str(); },
		[](const MappedGrant& g) { return Json(g.granter.value()); }},
	{"refs", "refs", [](const MappedGrant& g) { return joined(refs_of(g)); },
		[](const MappedGrant& g) { return Json(refs_of(g)); }},
	{"uuid", "uuid", uuid_of, text_or_null<uuid_of>},
	{"gfn", "gfn", gfn_of, text_or_null<gfn_of>},
	{"map", "map", [](const MappedGrant& g) { return std::to_string(g.map); },
		[](const MappedGrant& g) { return Json(g.map); }},
};

constexpr Fields<MappedGrant> all_fields(fields);

} // namespace

std::vector<std::string> column_names()
{
	return iomemgrant::column_names(all_fields);
}

Json to_json(const MappedGrant& grant)
{
	return fields_json(all_fields, grant);
}

std::string render_table(
	const std::vector<MappedGrant>& grants, std::string_view columns, bool with_header)
{
	constexpr std::string_view usual = "id,size,mode,cache,state,users,node,label";
	const auto chosen = parse_columns(all_fields, columns.empty() ? usual : columns, usual);
	std::vector<std::string> headers;
	for (const auto* column : chosen)
		headers.push_back(upper_case(column->column));
	Table table(headers);
	for (const auto& grant : grants) {
		std::vector<std::string> cells;
		for (const auto* column : chosen)
			cells.push_back(or_dash(column->text(grant)));
		table.add(cells);
	}
	return table.render(with_header);
}

std::string render_fields(const MappedGrant& grant)
{
	std::string text;
	for (const auto& field : fields)
		text += fmt::format("{:<8} {}\n", field.key, or_dash(field.text(grant)));
	return text;
}

} // namespace iomemgrant::agent
