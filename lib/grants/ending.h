// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_ENDING_H
#define IOMEMGRANT_ENDING_H

#include <string>
#include <string_view>
#include <vector>

#include "lib/audit/audit.h"
#include "lib/grants/force.h"
#include "lib/grants/revoker.h"
#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// One grant on its way down the ladder.
struct RevokedGrant {
	enum class Stage {
		untouched,
		asked, ///< the guest has been asked, or there is none to ask
		ended, ///< in the kernel; XenStore may still have it
		done,  ///< withdrawn, or failed
	};

	explicit RevokedGrant(const GrantStatus& grant) : status(grant) {}

	const GrantStatus& status;
	Stage stage = Stage::untouched;
	bool published = false;
	/// The guest was seen to have taken the offer.
	bool held = false;
	Revocation result;
};

/// Whether @error stops the whole revocation, and not that of one grant alone.
bool concerns_all(const Error& error);

/// The second half of a revocation: grants come to their end in the kernel and leave XenStore.
class Ending
{
public:
	Ending(Host& host, const RevokeOptions& options, const std::vector<GrantStatus>& grants)
		: host_(host), options_(options), force_(host, options, grants)
	{
	}

	/// Ends one grant in the kernel.  It stays where it is on the ladder while the guest has
	/// pages mapped.
	void end(RevokedGrant& item);
	/// Takes the step of the options against one grant.
	void force(const RevokedGrant& item);
	/// Takes out of XenStore those of @items that have ended.  Throws nothing: a grant whose
	/// withdrawal fails is failed.
	void withdraw_ended(std::vector<RevokedGrant>& items);
	/// Gives up one grant.  Without XenStore it is ended in the kernel all the same.
	void fail(RevokedGrant& item, const Error& error);

private:
	using Stage = RevokedGrant::Stage;

	void withdraw_of(Domid grantee, const std::vector<RevokedGrant*>& items);
	Error end_alone(RevokedGrant& item, const Error& no_xenstore);
	void record(AuditEvent event, const RevokedGrant& item, std::string_view result,
		const std::string& what);

	Host& host_;
	const RevokeOptions& options_;
	Force force_;
};

} // namespace iomemgrant

#endif
