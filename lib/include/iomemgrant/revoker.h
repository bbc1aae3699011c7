// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_REVOKER_H
#define IOMEMGRANT_REVOKER_H

#include <chrono>

#include <iomemgrant/grant_status.h>
#include <iomemgrant/host.h>

namespace iomemgrant
{

/// Takes grants back.
class Revoker
{
public:
	explicit Revoker(Host& host) : host_(host), domains_(host) {}

	/// Asks the guest to let go, ends the grant and takes it out of XenStore.  Blocks at most
	/// @limit.  A revocation that was broken off anywhere is finished by the next.
	/// Throws Error still-mapped when the guest keeps a page mapped; the grant is then ending:
	/// the kernel frees it as soon as the guest lets go, and the publication stays, asking.
	void revoke(const GrantStatus& status, std::chrono::milliseconds limit);

private:
	enum class Progress { ended, still_mapped };

	Progress end(const GrantStatus& status, std::chrono::milliseconds limit);
	bool guest_let_go(const GrantStatus& status);
	Error still_mapped(const GrantStatus& status, std::chrono::milliseconds limit);

	Host& host_;
	Domains domains_;
};

} // namespace iomemgrant

#endif
