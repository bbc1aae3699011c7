// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pending_grants.h"

#include <utility>

#include <fmt/format.h>

#include <iomemgrant/error.h>
#include <iomemgrant/revoker.h>

namespace iomemgrant
{

namespace
{

// How long a guest that has mapped pages may take to give them back when a grant is rolled back.
constexpr std::chrono::milliseconds rollback_limit{2000};

} // namespace

PendingGrants::~PendingGrants()
{
	try {
		(void)roll_back(); // what remains is in `list`
	} catch (...) {
		// Nothing can be thrown from here; `list` shows what is left and `revoke`
		// repeats what failed.
	}
}

std::string_view PendingGrants::fate(GrantId id) const
{
	for (const auto& grant : grants_) {
		if (grant.id == id)
			return "grant withdrawn";
	}
	return grants_.empty() ? "it stays offered"
			       : "it stays offered, what was granted now is withdrawn";
}

std::vector<std::string> PendingGrants::roll_back()
{
	std::vector<std::string> leftovers;
	for (const auto& grant : std::exchange(grants_, {})) {
		try {
			take_back(grant);
		} catch (const Error& error) {
			leftovers.push_back(error.kind() == kind::still_mapped
					? fmt::format("{} is still mapped and ends when the "
						      "guest lets go",
						  grant.id.str())
					: fmt::format("{} could not be taken back ({})",
						  grant.id.str(), error.what()));
		}
	}
	return leftovers;
}

void PendingGrants::take_back(const Grant& grant)
{
	host_.trace(fmt::format("{}: rolling back", grant.id.str()));
	GrantStatus status;
	status.grant = grant;
	status.in_kernel = true;
	status.domain.id = grant.domid;
	status.domain.uuid = grant.uuid;
	status.domain_alive = true;
	status.published = published_;
	// The user's wish to stop has been heard; it must not stop the cleaning up too.
	Host patient = host_;
	patient.checkpoint = [] {};
	// What is recorded is that the grant was refused, once.
	patient.audit = [](const AuditEntry&) {};
	if (!published_) {
		if (host_.device.end(grant.id) == GrantDevice::Ended::yes)
			return;
	}
	try {
		RevokeOptions options;
		options.limit = rollback_limit;
		(void)Revoker(patient).revoke(status, options);
	} catch (const Error& error) {
		if (error.kind() != kind::still_mapped)
			end_regardless(grant.id);
		throw;
	}
}

// XenStore is out of reach; that is no reason for the kernel to go on granting.
void PendingGrants::end_regardless(GrantId id)
{
	try {
		(void)host_.device.end(id); // if mapped, the kernel frees it later
	} catch (const Error&) {
		// Ended already, or this fails too; the caller reports what failed first.
	}
}

} // namespace iomemgrant
