// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_RENDER_H
#define XEN_IOMEMAGENT_RENDER_H

#include <string>
#include <string_view>
#include <vector>

#include "cmd/cli/output.h"
#include "cmd/xen-iomemagent/mapped_grant.h"

namespace iomemgrant::agent
{

/// The columns render_table() knows.
std::vector<std::string> column_names();

Json to_json(const MappedGrant& grant);
/// Table of @columns, as parse_columns() reads them; of the usual ones if the text is empty.
/// Throws Error usage.
std::string render_table(
	const std::vector<MappedGrant>& grants, std::string_view columns, bool with_header);
/// One line a field.
std::string render_fields(const MappedGrant& grant);

} // namespace iomemgrant::agent

#endif
