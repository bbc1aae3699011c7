// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_LOOK_H
#define IOMEMGRANT_LOOK_H

#include <algorithm>
#include <map>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"

namespace iomemgrant
{

/// The kernel's grants and Xen's domains at one moment, each domain asked for once.
class Look
{
public:
	explicit Look(Host& host) : host_(host), grants_(host.device.list()) {}

	const Grant* grant(const GrantStatus& status) const
	{
		const auto found = std::ranges::find(grants_, status.grant.id, &Grant::id);
		return found == grants_.end() ? nullptr : &*found;
	}
	bool has_grant_of(Domid domid) const
	{
		return std::ranges::find(grants_, domid, &Grant::domid) != grants_.end();
	}
	bool alive(const GrantStatus& status)
	{
		if (!status.domain_alive)
			return false;
		const auto known = alive_.find(status.domain.id);
		if (known != alive_.end())
			return known->second;
		return alive_[status.domain.id] = is_still(host_, status.domain);
	}

private:
	Host& host_;
	std::vector<Grant> grants_;
	std::map<Domid, bool> alive_;
};

} // namespace iomemgrant

#endif
