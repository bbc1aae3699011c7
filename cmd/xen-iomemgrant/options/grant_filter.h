// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_GRANT_FILTER_H
#define XEN_IOMEMGRANT_GRANT_FILTER_H

#include <optional>
#include <string>
#include <vector>

#include "lib/inventory/grant_status.h"

namespace iomemgrant
{

struct Syntax;

/// Explains the argument that names a grant.
inline constexpr auto grant_name_help = "17, g17 or id:17; LABEL or label:LABEL; or DOMAIN/LABEL";

struct GrantFilterText {
	std::string domain;
	std::string device;
	std::string state;
};

/// Declares --domain and --device, and --state if wanted.
void add_grant_filter(Syntax& verb, GrantFilterText& text, bool with_state);

/// Which grants a command is about.
struct GrantFilter {
	std::optional<DomainSpec> domain;
	std::optional<Sbdf> device;
	std::string state;

	/// Throws Error bad-domain or bad-bdf.
	static GrantFilter parse(const GrantFilterText& text);

	/// Throws Error no-domain.  An id also finds the grants of a domain that is gone.
	std::vector<GrantStatus> apply(
		const std::vector<GrantStatus>& grants, Domains& domains) const;
};

} // namespace iomemgrant

#endif
