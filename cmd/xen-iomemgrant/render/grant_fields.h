// SPDX-License-Identifier: GPL-2.0-or-later
// One list of what there is to say about a grant; text and JSON are both made from it.
#ifndef XEN_IOMEMGRANT_GRANT_FIELDS_H
#define XEN_IOMEMGRANT_GRANT_FIELDS_H

#include <string>
#include <string_view>
#include <vector>

#include "cmd/cli/fields.h"
#include "cmd/cli/output.h"
#include "lib/inventory/grant_status.h"

namespace iomemgrant
{

/// A grant as a JSON object, every known key in it.  @with_id: false for a grant of a dry run.
/// Names the device, for which libpci reads all of pci.ids, so a command that prints text does not
/// call it.
Json grant_json(const GrantStatus& status, bool with_id = true);

using GrantColumns = Columns<GrantStatus>;

/// The column names `-o` takes.
std::vector<std::string> all_grant_columns();
/// As parse_columns() reads @text; the usual ones if it is empty.
GrantColumns parse_grant_columns(std::string_view text);

/// The table of `list`.  Notes stand in an unnamed last column when there are any.
std::string render_grants(const std::vector<GrantStatus>& grants, const GrantColumns& columns,
	bool with_notes, bool with_header, const Output& output);

/// "key: value" lines of one grant.
std::string render_grant(const GrantStatus& status, bool with_refs);

/// "0000:03:00.0 BAR2 [0x4000-0x5fff] 2 pages rw,uc"
std::string describe_region(const GrantStatus& status);

} // namespace iomemgrant

#endif
