// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PENDING_GRANTS_H
#define IOMEMGRANT_PENDING_GRANTS_H

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/publication/publication.h"
#include "lib/values/grant.h"

namespace iomemgrant
{

/// Grants made but not yet safe: taken back unless kept.
class PendingGrants
{
public:
	explicit PendingGrants(Host& host) : host_(host) {}
	PendingGrants(const PendingGrants&) = delete;
	PendingGrants& operator=(const PendingGrants&) = delete;
	~PendingGrants();

	void add(Grant grant) { grants_.push_back(std::move(grant)); }
	void published() { published_ = true; }
	void keep() { grants_.clear(); }
	const std::vector<Grant>& grants() const { return grants_; }
	/// The grant, be it one of these or not, is published under the number @devid.
	void is_at(GrantId id, GrantId devid) { devids_.insert_or_assign(id, devid); }
	PublicationPath path(const Grant& grant) const
	{
		return {host_.self, grant.domid, devid(grant.id)};
	}

	/// Tells, in words, how a grant ends if the command fails now.
	std::string_view fate(GrantId id) const;

	/// Takes everything back.  Returns in words what could not be, or not yet.
	std::vector<std::string> roll_back();

private:
	GrantId devid(GrantId id) const
	{
		const auto found = devids_.find(id);
		return found == devids_.end() ? id : found->second;
	}
	GrantStatus as_granted(const Grant& grant) const;
	void end_regardless(GrantId id);

	Host& host_;
	std::vector<Grant> grants_;
	std::map<GrantId, GrantId> devids_;
	bool published_ = false;
};

} // namespace iomemgrant

#endif
