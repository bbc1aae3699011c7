// SPDX-License-Identifier: LGPL-2.1-or-later
// Entries of the audit trail; xen-iomemgrant(8) documents them.
#ifndef IOMEMGRANT_AUDIT_H
#define IOMEMGRANT_AUDIT_H

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/values/domid.h"
#include "lib/values/grant.h"

namespace iomemgrant
{

enum class AuditEvent {
	granted,    ///< a region was given to a guest
	refused,    ///< it was not, or was taken back before the command ended
	overridden, ///< --allow lifted a refusal
	revoked,    ///< a grant ended
	kept,       ///< a revocation did not end it
	forced,     ///< a rung of the ladder of revoke was used
	collected,  ///< remains of something dead were removed
	labelled,   ///< a grant that was there got another label
};

/// 128 bits in hexadecimal, one for each event; they never change.
std::string_view message_id(AuditEvent event);

/// One entry of the audit trail.  A field whose value is not known is left empty.
struct AuditEntry {
	AuditEvent event = AuditEvent::granted;
	/// "granted", a slug of an Error, or the rung.
	std::string result;
	/// One sentence that tells a person the event.
	std::string message;
	std::optional<DomainInfo> domain;
	std::optional<Region> region;
	std::optional<GrantId> grant;
	AllowSet overrides;
};

/// The fields of the journal that @entry fills, in a fixed order, but for those that say who the
/// caller is.
std::vector<std::pair<std::string, std::string>> audit_fields(const AuditEntry& entry);

} // namespace iomemgrant

#endif
