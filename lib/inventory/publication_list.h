// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PUBLICATION_LIST_H
#define IOMEMGRANT_PUBLICATION_LIST_H

#include <set>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/publication/publication.h"

namespace iomemgrant
{

using PublicationPaths = std::set<PublicationPath>;

/// Sets devid and published of grants that the module has, by the numbers in @paths, which are all
/// publications.  XenStore is asked for references only where a guest has a publication whose
/// number is the id of none of its grants: the number of a grant is its id, unless that was taken.
void match_publications(
	Host& host, const PublicationPaths& paths, std::vector<GrantStatus>& grants);

} // namespace iomemgrant

#endif
