// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_REVOKER_H
#define IOMEMGRANT_REVOKER_H

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// The ladder: how a grant is taken back.  The guest is always asked first; what comes after that
/// is one step, which the user names, and no step leads to the next.
enum class Rung {
	cooperative,    ///< the guest was asked and let go
	fence,          ///< the references leave XenStore; what is mapped stays
	disable_decode, ///< the device answers no access any more, what is mapped included
	destroy_domain, ///< the guest is destroyed
};
std::string_view to_string(Rung rung); // "disable-decode"
/// Throws Error usage for anything but the three steps that --force takes.
Rung parse_force(std::string_view text);

struct RevokeOptions {
	/// How long the guests may take, all of them together.
	std::chrono::milliseconds limit{10000};
	/// The step to take when a guest has not let go by then.
	Rung force = Rung::cooperative;
	/// Told what the user should know about a step before it is done.
	std::function<void(const std::string&)> warn = [](const std::string&) {};
};

/// How the revocation of one grant went.
struct Revocation {
	/// The rung that brought the end; absent when no guest had taken the offer, or the guest
	/// that had is no more.
	std::optional<Rung> rung;
	/// Why the grant has not come to its end in the kernel and in XenStore.
	std::optional<Error> error;
};

/// Takes grants back.
class Revoker
{
public:
	explicit Revoker(Host& host) : host_(host) {}

	/// Asks all guests to let go, waits for all of them together, takes the step of
	/// options.force against each grant that is still mapped then, ends the grants and takes
	/// them out of XenStore.  Blocks at most options.limit, and, when it destroys domains,
	/// until Xen is done with them.  A revocation that was broken off anywhere is finished by
	/// the next.  Returns in the order of @grants what became of each, one failure being no
	/// reason to leave out another grant.
	/// The error of a grant is still-mapped, with the rung that was reached among its details,
	/// when the guest keeps a page mapped; the grant is then ending: the kernel frees it as
	/// soon as the guest lets go, and the publication stays, asking.  It is no-xenstore when
	/// XenStore is not there; the kernel has been asked to end the grant even so, and the
	/// device been cut off if that is the step.
	std::vector<Revocation> revoke(
		const std::vector<GrantStatus>& grants, const RevokeOptions& options);

	/// The same for one grant.  Returns the rung, throws the error.
	std::optional<Rung> revoke(const GrantStatus& status, const RevokeOptions& options);

private:
	Host& host_;
};

} // namespace iomemgrant

#endif
