// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_REVOKER_H
#define IOMEMGRANT_REVOKER_H

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <iomemgrant/error.h>
#include <iomemgrant/grant_status.h>
#include <iomemgrant/host.h>

namespace iomemgrant
{

/// The ladder: how a grant is taken back.  The guest is always asked first; what comes after that
/// is one step, which the user names, and no step leads to the next.
enum class Rung {
	cooperative,    ///< the guest was asked and let go
	fence,          ///< nobody new learns the references; what is mapped stays
	disable_decode, ///< the device answers nobody any more, what is mapped included
	destroy_domain, ///< the guest is destroyed
};
std::string_view to_string(Rung rung); // "disable-decode"
/// Throws Error usage for anything but the three steps that --force takes.
Rung parse_force(std::string_view text);

struct RevokeOptions {
	/// How long the guest may take.
	std::chrono::milliseconds limit{10000};
	/// What to do when it has not let go by then.
	Rung force = Rung::cooperative;
	/// Told what the user should know about a step before it is done.
	std::function<void(const std::string&)> warn = [](const std::string&) {};
};

/// Takes grants back.
class Revoker
{
public:
	explicit Revoker(Host& host) : host_(host), domains_(host) {}

	/// Asks the guest to let go, takes the step of options.force if it does not, ends the grant
	/// and takes it out of XenStore.  Blocks at most options.limit, and, when it destroys the
	/// domain, until Xen is done with that.  A revocation that was broken off anywhere is
	/// finished by the next.  Returns the rung that brought the end; absent when nobody had
	/// taken the offer, or whoever had is no more.
	/// Throws Error still-mapped, with the rung that was reached among its details, when the
	/// guest keeps a page mapped; the grant is then ending: the kernel frees it as soon as the
	/// guest lets go, and the publication stays, asking.  Throws no-xenstore when XenStore
	/// is not there; the kernel has been asked to end the grant even so, and the device
	/// been cut off if that is the step.
	std::optional<Rung> revoke(const GrantStatus& status, const RevokeOptions& options);

private:
	enum class Progress { ended, still_mapped };

	std::optional<Rung> climb(const GrantStatus& status, const RevokeOptions& options);
	Error end_alone(const GrantStatus& status, const RevokeOptions& options,
		const Error& no_xenstore);
	std::optional<Rung> climb_with_guest(const GrantStatus& seen, const RevokeOptions& options);
	Progress ask(const GrantStatus& status, std::chrono::milliseconds limit);
	Progress end(const GrantStatus& status);
	Progress force(const GrantStatus& status, const RevokeOptions& options);
	Progress await_death(const GrantStatus& status);
	bool is_alive(const GrantStatus& status);
	bool holds(const GrantStatus& status);
	void warn_of_others(const GrantStatus& status, const RevokeOptions& options);
	Error still_mapped(const GrantStatus& status, const RevokeOptions& options);
	void record(AuditEvent event, const GrantStatus& status, std::string_view result,
		const std::string& what);

	Host& host_;
	Domains domains_;
};

} // namespace iomemgrant

#endif
