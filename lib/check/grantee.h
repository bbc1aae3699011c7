// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANTEE_H
#define IOMEMGRANT_GRANTEE_H

#include "lib/inventory/domains.h"

namespace iomemgrant
{

/// The domain the user means, if something can be granted to it.  @waits: the caller will wait
/// for the guest to map.  Throws Error as Domains::resolve() does, and self-grant, domain-dying,
/// domain-paused, domain-migrating, stub-domain or populate-on-demand.
DomainInfo resolve_grantee(Host& host, Domains& domains, const DomainSpec& spec, bool waits);

} // namespace iomemgrant

#endif
