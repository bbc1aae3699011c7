// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_RENDER_H
#define XEN_IOMEMAGENT_RENDER_H

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cmd/xen-iomemagent/mapped_grant.h"

namespace iomemgrant::agent
{

/// One fact about a grant, for the table, for `show` and for JSON.
struct Field {
	std::string_view key; ///< JSON key, and name of the column
	std::string text;
	nlohmann::ordered_json json;
};

/// Everything there is to say; text and JSON both come from here.
std::vector<Field> fields(const MappedGrant& grant);

/// The columns render_table() knows, as text for people.
std::string column_names();

nlohmann::ordered_json to_json(const MappedGrant& grant);
/// Table of these columns.  Throws Error usage for one that does not exist.
std::string render_table(const std::vector<MappedGrant>& grants,
	const std::vector<std::string>& columns, bool with_header);
/// One line a field.
std::string render_fields(const MappedGrant& grant);

} // namespace iomemgrant::agent

#endif
