// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/pending_grants.h"

#include <utility>

#include <fmt/format.h>

#include "lib/grants/revoker.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// How long guests that have mapped pages may take to give them back when a command is rolled back.
constexpr std::chrono::milliseconds rollback_limit{2000};

std::string not_taken_back(GrantId id, const Error& error)
{
	if (error.kind() == kind::still_mapped)
		return fmt::format("{} is still mapped and ends when the guest lets go", id.str());
	return fmt::format("{} could not be taken back ({})", id.str(), error.what());
}

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
	std::vector<GrantStatus> left;
	for (const auto& grant : std::exchange(grants_, {})) {
		host_.trace(fmt::format("{}: rolling back", grant.id.str()));
		try {
			// A guest that was not told has nothing to give back.
			if (!published_ && host_.device.end(grant.id) == GrantDevice::Ended::yes)
				continue;
			left.push_back(as_granted(grant));
		} catch (const Error& error) {
			leftovers.push_back(not_taken_back(grant.id, error));
		}
	}
	// The user's wish to stop has been heard; it must not stop the cleaning up too.
	Host patient = host_;
	patient.checkpoint = [] {};
	// The record says that the grant was refused, once.
	patient.audit = [](const AuditEntry&) {};
	RevokeOptions options;
	options.limit = rollback_limit;
	const auto results = Revoker(patient).revoke(left, options);
	for (std::size_t i = 0; i < left.size(); i++) {
		if (!results[i].error)
			continue;
		if (results[i].error->kind() != kind::still_mapped)
			end_regardless(left[i].grant.id);
		leftovers.push_back(not_taken_back(left[i].grant.id, *results[i].error));
	}
	return leftovers;
}

GrantStatus PendingGrants::as_granted(const Grant& grant) const
{
	GrantStatus status;
	status.grant = grant;
	status.in_kernel = true;
	status.domain.id = grant.domid;
	status.domain.uuid = grant.uuid;
	status.domain_alive = true;
	status.published = published_;
	status.devid = devid(grant.id);
	return status;
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
