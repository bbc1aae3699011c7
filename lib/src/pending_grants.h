// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_PENDING_GRANTS_H
#define IOMEMGRANT_PENDING_GRANTS_H

#include <string>
#include <string_view>
#include <vector>

#include <iomemgrant/grant.h>
#include <iomemgrant/grant_status.h>
#include <iomemgrant/host.h>
#include <iomemgrant/publication.h>

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
	PublicationPath path(const Grant& grant) const
	{
		return {host_.self, grant.domid, grant.id};
	}

	/// Tells, in words, how a grant ends if the command fails now.
	std::string_view fate(GrantId id) const;

	/// Takes everything back.  Returns in words what could not be, or not yet.
	std::vector<std::string> roll_back();

private:
	GrantStatus as_granted(const Grant& grant) const;
	void end_regardless(GrantId id);

	Host& host_;
	std::vector<Grant> grants_;
	bool published_ = false;
};

} // namespace iomemgrant

#endif
