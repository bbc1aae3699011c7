// SPDX-License-Identifier: LGPL-2.1-or-later
// The sentences of refusals that are not about the device (those are in device_checks.cpp and
// page_checks.cpp, beside their checks): each is written once, whether our own checks or the module
// leads to it.
#ifndef IOMEMGRANT_REFUSALS_H
#define IOMEMGRANT_REFUSALS_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/check/region_check.h"
#include "lib/values/domid.h"
#include "lib/values/error.h"

namespace iomemgrant::refusal
{

Error overlap(const Candidate& wanted, const Grant& existing, const std::string& holder);
/// @holder has @length bytes of the BAR from @first on by `iomem=`; @own: it is to be granted them.
Error configured(const Region& wanted, std::uint64_t first, std::uint64_t length,
	const DomainInfo& holder, bool own);
Error device_assigned(const Region& wanted, const DomainInfo& holder);
/// @existing is mapped with another memory type than @cache.
Error cache_conflict(
	const Candidate& wanted, Cache cache, const Grant& existing, const std::string& holder);
Error named_twice(const Candidate& wanted, const Region& other);
/// @id: the grant of @domain that has the label, if it is known.
Error label_in_use(const DomainInfo& domain, const Label& label, std::optional<GrantId> id);
/// @other_refs: references for the regions named before.
Error gnttab_full(const Candidate& wanted, const Situation& situation, std::uint64_t other_refs,
	const DomainInfo& domain);
Error maptrack_full(const Candidate& wanted, const MaptrackLimit& limit, std::uint64_t needed,
	const DomainInfo& domain);
Error too_many_pages(const Candidate& wanted, const ModuleInfo& module);
/// @needed: references of the candidate and of the regions named before it.
Error too_many_refs(const Candidate& wanted, const ModuleInfo& module, std::uint64_t needed);
Error bar_unassigned(const Sbdf& sbdf, unsigned bar, std::string_view why);
Error frame_too_wide(const Candidate& wanted);
Error no_hypervisor_support(Hypervisor& hypervisor);
/// @reason is what the guest wrote into `error`, or empty; its module begins it with an errno's
/// name.  @fate says what becomes of the grant.
Error guest_failed(XenStore& store, const DomainInfo& domain, const Grant& grant,
	const std::string& reason, std::string_view fate);

} // namespace iomemgrant::refusal

#endif
