// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_LIMITS_H
#define IOMEMGRANT_LIMITS_H

#include <cstdint>
#include <optional>
#include <string>

#include "lib/host/host.h"

namespace iomemgrant
{

/// References that fit in one page of the grant table.
std::uint32_t refs_per_frame(std::uint32_t gnttab_version);
/// References the module leaves to other drivers: the last frames of the grant table.
std::uint64_t kept_refs(const ModuleInfo& module, const GrantTableSize& table);
/// Most references that all grants may have together, free or not.  The module counts alike.
std::uint64_t most_refs(const ModuleInfo& module, const GrantTableSize& table);

/// How to have grants of @pages: the granting and the mapping module have a limit each.
std::string how_to_grant_at_once(std::uint64_t pages);

/// The limits of the size and number of grants.
struct Limits {
	struct Guest {
		DomainInfo domain;
		std::optional<MaptrackLimit> maptrack;
		/// Pages granted to it, which it may all have mapped.
		std::uint64_t granted_pages = 0;
		XenStoreQuota store;

		/// Absent: not known.
		std::optional<std::uint64_t> max_pages() const;
		/// By the nodes and by the watches that XenStore leaves to the guest.
		std::optional<std::uint64_t> grants_by_nodes() const;
		std::optional<std::uint64_t> grants_by_watches() const;
		/// The smaller one.
		std::optional<std::uint64_t> max_grants() const;
	};
	enum class Bound { grant_table, module, maptrack, hypervisor };

	ModuleInfo module;
	GrantTableSize table;
	std::optional<Guest> guest;

	std::uint64_t free_refs() const;
	/// Pages of a new region that fit for certain: of used frames it is not known what is free.
	std::uint64_t table_pages() const;
	std::uint64_t module_pages() const;
	/// The largest region that still fits, and what it is that bounds it.
	std::uint64_t max_pages() const;
	Bound bound() const;
	/// The boot option, module parameter or guest setting that doubles @bound.
	std::string how_to_raise(Bound bound) const;
};
std::string_view to_string(Limits::Bound bound);

/// Throws Error when Xen, the module or XenStore do not answer.
Limits measure_limits(Host& host, const std::optional<DomainInfo>& guest);

} // namespace iomemgrant

#endif
