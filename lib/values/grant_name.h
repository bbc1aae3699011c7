// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_NAME_H
#define IOMEMGRANT_GRANT_NAME_H

#include <optional>
#include <string>
#include <string_view>

#include "lib/values/domid.h"
#include "lib/values/grant.h"
#include "lib/values/label.h"

namespace iomemgrant
{

/// How the user names a grant: by its id ("17", "g17", "id:17"), by its label ("nic", "label:nic"),
/// or by its guest and its label ("web1/nic").  Has both an id and a label when the text may be
/// either, and else one of them.
struct GrantName {
	std::optional<GrantId> id;
	std::optional<Label> label;
	/// The guest that has the label.
	std::optional<DomainSpec> guest;

	/// Throws Error bad-grant-id, bad-label or bad-domain.
	static GrantName parse(std::string_view text);
	static GrantName of(GrantId id) { return {id, {}, {}}; }
	static GrantName of(Label label) { return {{}, std::move(label), {}}; }

	/// "g17", "labelled 'nic'", "labelled 'nic' of web1", or "'g17'" when it may be either.
	std::string describe() const;
	/// As parse() reads it.
	std::string str() const;
};

} // namespace iomemgrant

#endif
