// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_EXPLAIN_H
#define IOMEMGRANT_EXPLAIN_H

#include <optional>

#include "lib/check/candidate.h"
#include "lib/host/host.h"
#include "lib/inventory/domains.h"

namespace iomemgrant
{

/// A GRANT call of the module that was refused.
struct GrantAttempt {
	Host& host;
	Domains& domains;
	const Candidate& candidate;
	const DomainInfo& domain;
	const std::optional<Label>& label;
};

/// The sentence for the module's reason: that of the check that finds the same now, if one does.
Error explain(const GrantRefused& refused, const GrantAttempt& attempt);

} // namespace iomemgrant

#endif
