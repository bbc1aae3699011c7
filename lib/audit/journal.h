// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_JOURNAL_H
#define IOMEMGRANT_JOURNAL_H

#include <functional>
#include <string>

#include "lib/audit/audit.h"

namespace iomemgrant
{

/// Writes audit entries to the journal, with who called this program: CALLER_UID, CALLER_AUID,
/// CALLER_TTY, CALLER_COMM.  Where no journal listens, or this was built without it, nothing
/// happens: that an act is recorded is the host's business, not a condition of the act.
std::function<void(const AuditEntry&)> journal_sink(const std::string& identifier);

} // namespace iomemgrant

#endif
