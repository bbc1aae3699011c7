// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_SELECT_GRANT_H
#define IOMEMGRANT_SELECT_GRANT_H

#include <vector>

#include "lib/inventory/grant_status.h"
#include "lib/values/grant_name.h"

namespace iomemgrant
{

/// The grant of @grants that @name means.  Throws Error no-grant; ambiguous-grant when @name is the
/// id of one and the label of another, or the label of several; and what Domains::resolve() throws
/// of the guest in @name.
const GrantStatus& select(
	const std::vector<GrantStatus>& grants, const GrantName& name, Domains& domains);

/// The one grant that @name means, with what XenStore says of it and of no other, unless the module
/// does not have it.  Throws what select() throws.
GrantStatus find_grant(Host& host, Domains& domains, const GrantName& name);

} // namespace iomemgrant

#endif
