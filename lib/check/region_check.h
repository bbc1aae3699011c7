// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_REGION_CHECK_H
#define IOMEMGRANT_REGION_CHECK_H

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/check/candidate.h"
#include "lib/host/host.h"
#include "lib/inventory/domains.h"
#include "lib/inventory/grant_status.h"
#include "lib/inventory/holdings.h"
#include "lib/policy/policy.h"
#include "lib/values/allow.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// One reason against a grant.
struct Finding {
	Error error;
	/// The pages of the BAR that the reason is about; none: all of them.
	std::uint64_t first_page = 0;
	std::uint64_t nr_pages = 0;
	/// The class of --allow that lifts it, named or not; absent when none does, or when the
	/// policy of this machine has lifted it.
	std::optional<AllowClass> override_class = {};
	/// The policy or the user has lifted it.
	bool lifted = false;

	bool whole_bar() const { return !nr_pages; }
	/// No --allow helps against it.
	bool final() const { return !lifted && !override_class; }
};

/// The state of Xen, module and toolstack that regions are compared with, read once a command.
struct Situation {
	ModuleInfo module;
	std::vector<Grant> grants;
	GrantTableSize grant_table;
	/// The limit of the grantee, if there is one and Xen tells it.
	std::optional<MaptrackLimit> maptrack;
	Holdings holdings;

	/// Throws Error when Xen, the module or XenStore do not answer.
	static Situation read(Host& host, Domains& domains, const DomainInfo& grantee);
};

/// A half-open range of addresses or of page numbers of a BAR.
struct Span {
	std::uint64_t first;
	std::uint64_t end;

	bool empty() const { return first >= end; }
	bool contains(std::uint64_t value) const { return first <= value && value < end; }
	std::uint64_t size() const { return empty() ? 0 : end - first; }
	Span common(const Span& other) const
	{
		return {std::max(first, other.first), std::min(end, other.end)};
	}
};

/// The check of one region: may it be granted?  The kernel module checks again on its own data;
/// this check exists to give reasons, and to give all of them.
class RegionCheck
{
public:
	/// Finds @spec.  When there is no such region, the one finding says why.  @allow: what the
	/// user has named; the overrides of @policy come on top.  Without @grantee the check is for
	/// any domain.  Borrows all arguments but @spec and @allow until run() has returned.
	RegionCheck(const PciDevices& devices, const Policy& policy, const Situation& situation,
		const RegionSpec& spec, const AllowSet& allow = {},
		const DomainInfo* grantee = nullptr);

	/// Adds the reasons of policy, of the device and its pages, and of the domains that have
	/// them without a grant.  Grants of the same pages, and limits of size and number, are
	/// left to GrantCheck.
	void run();

	/// Adds a finding, lifted or not as its kind says; @final: no override lifts it, though one
	/// may lift others of its kind.
	Finding& add(Error error, bool final = false);
	/// Puts the gravest first.
	void sort();

	/// The first finding that neither policy nor user has lifted.
	const Error* refusal() const;

	RegionSpec spec;
	/// Absent when there is no such region.
	std::optional<Candidate> candidate;
	/// After sort(): in the order in which `grant` would refuse.
	std::vector<Finding> findings;
	/// The domain has exactly this region already: nothing is left to do for it, and nothing
	/// speaks against that.
	std::optional<GrantStatus> granted;

private:
	void check_changed();
	void check_assigned();
	void check_frames();
	void check_configured();

	// About pages: page_checks.cpp.
	void check_reserved();
	void check_msix();
	void check_claims();
	void check_mirror();
	void check_shared_pages();

	// About the device: device_checks.cpp.
	void check_device();
	void check_segment();
	void check_config();
	void check_dma();
	void check_critical();
	void check_driver();
	void check_decode();
	void add_decode_off(const PciDevice& decoder, const std::string& why, std::string hint);

	const PciDevice& device() const { return candidate->device; }
	const PciBar& bar() const { return candidate->bar(); }
	const Region& region() const { return candidate->region; }
	Span addresses() const
	{
		return {candidate->address(), candidate->address() + region().length};
	}
	bool locates(std::string_view what, const MsixRange& range);
	Span msix_pages(const MsixRange& range) const;
	void add_msix(std::string_view what, std::string_view because, const Span& pages);
	std::string clear_of_msix() const;
	void add_shared(const PciPages& other, const Span& common);
	std::string shared_page_hint() const;
	/// "page 4 of BAR0 holds", "pages 4-5 of BAR0 hold"
	std::string with_verb(
		const Span& pages, std::string_view singular, std::string_view plural) const;
	Error& add(ErrorKind kind, const std::string& message, std::string hint = {});
	/// The last finding is about these pages of the BAR only.
	void only(const Span& pages);
	Span pages_at(const Span& addresses) const;

	const PciDevices& devices_;
	const Policy& policy_;
	const Situation& situation_;
	AllowSet allow_;
	AllowSet allowed_by_policy_;
	const DomainInfo* grantee_;
	/// As sentences name it.
	std::string guest_;
	std::string bdf_;
};

} // namespace iomemgrant

#endif
