// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_FORCE_H
#define IOMEMGRANT_FORCE_H

#include <set>

#include "lib/grants/revoker.h"
#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// The step of revoke --force, against grants that their guests keep mapped.
class Force
{
public:
	/// @grants are all that the command revokes: no warning names them as bystanders.
	Force(Host& host, const RevokeOptions& options, const std::vector<GrantStatus>& grants);

	/// Takes options.force, which is not cooperative, against one grant.  Does not end the
	/// grant.  Throws Error when the step cannot be taken.
	void take(const GrantStatus& status);

private:
	void warn_of_others(const Sbdf& sbdf);

	Host& host_;
	const RevokeOptions& options_;
	std::set<GrantId> revoked_;
	/// Devices whose decoding this command has turned off.
	std::set<Sbdf> cut_off_;
};

/// Error still-mapped: the guest has kept pages after @options.limit and, if it names one, the
/// step.
Error still_mapped(Host& host, const GrantStatus& status, const RevokeOptions& options);

/// Error @no_xenstore with the end that the grant came to without XenStore.
Error without_xenstore(const Error& no_xenstore, GrantId id, bool ended, bool cut_off);
/// Whether @error says that the kernel has ended the grant nevertheless.
bool says_ended(const Error& error);

} // namespace iomemgrant

#endif
