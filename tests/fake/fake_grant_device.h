// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef FAKE_GRANT_DEVICE_H
#define FAKE_GRANT_DEVICE_H

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "lib/host/grant_device.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// A module that grants whatever it is asked for, each page once.
class FakeGrantDevice final : public GrantDevice
{
public:
	ModuleInfo facts{.api_version = 1,
		.can_grant = true,
		.hypervisor_support = true,
		.translated = false,
		.counts_mapped = true,
		.gnttab_version = 1,
		.max_pages = 1024,
		.max_refs = 8192,
		.nr_refs = 0,
		.nr_grants = 0,
		.headroom = 8};
	std::vector<Grant> grants;
	Uuid uuid;
	/// The grant call that fails, counted from 1, and why.
	std::optional<std::pair<int, GrantRefused::Reason>> fail_grant;
	/// Told each call before it is done; throws what the call shall fail with.
	std::function<void(const std::string& call)> interfere = [](const std::string&) {};

	/// The kernel's own reason against a request, if it has one.
	std::function<std::optional<GrantRefused::Reason>(const GrantRequest&)> refuse =
		[](const GrantRequest&) { return std::nullopt; };

	/// Machine address of a region's first byte.
	std::function<std::uint64_t(const Region&)> locate = [](const Region&) { return 0; };

	ModuleInfo info() override
	{
		interfere("info");
		auto now = facts;
		now.nr_grants += static_cast<std::uint32_t>(grants.size());
		for (const auto& grant : grants)
			now.nr_refs += grant.refs.count;
		return now;
	}

	Grant grant(const GrantRequest& request) override
	{
		interfere("grant");
		calls_++;
		if (fail_grant && fail_grant->first == calls_)
			refused(fail_grant->second);
		if (const auto reason = refuse(request))
			refused(*reason);
		for (const auto& grant : grants) {
			const bool shared = request.allow.has(AllowClass::overlap) &&
					    grant.domid != request.domid;
			if (grant.region.overlaps(request.region) && !shared)
				refused(GrantRefused::Reason::granted_already);
			if (grant.region.overlaps(request.region) && grant.cache != request.cache)
				refused(GrantRefused::Reason::cache_conflict);
		}
		if (label_taken(request.label, request.domid, uuid, std::nullopt))
			refused(GrantRefused::Reason::label_taken);
		next_id_ = std::max(next_id_, request.min_id.value() + 1);
		Grant made;
		made.allow = request.allow;
		made.cache = request.cache;
		made.label = request.label;
		made.id = GrantId(next_id_++);
		made.domid = request.domid;
		made.uuid = uuid;
		made.region = request.region;
		made.address = locate(request.region);
		made.refs = {next_ref_, static_cast<std::uint32_t>(request.region.nr_pages())};
		next_ref_ += made.refs.count;
		made.nr_mapped = 0;
		made.persistent = true;
		grants.push_back(made);
		return made;
	}

	Ended end(GrantId id) override
	{
		interfere("end");
		const auto found = std::find_if(grants.begin(), grants.end(),
			[id](const Grant& grant) { return grant.id == id; });
		if (found == grants.end())
			throw Error(kind::no_grant, "no grant");
		if (found->nr_mapped.value_or(0)) {
			found->state = Grant::State::ending;
			return Ended::still_mapped;
		}
		grants.erase(found);
		return Ended::yes;
	}

	void set_label(GrantId id, const std::optional<Label>& label) override
	{
		interfere("label");
		const auto found = std::find_if(grants.begin(), grants.end(),
			[id](const Grant& grant) { return grant.id == id; });
		if (found == grants.end())
			throw Error(kind::no_grant, "no grant");
		if (label_taken(label, found->domid, found->uuid, id))
			throw Error(
				kind::label_in_use, "another grant of the domain has the label");
		found->label = label;
	}

	std::vector<Grant> list() override
	{
		interfere("list");
		return grants;
	}
	int fd() const override { return -1; }

private:
	[[noreturn]] static void refused(GrantRefused::Reason reason)
	{
		throw GrantRefused(reason, Error(kind::io_error, "grant: refused"));
	}

	bool label_taken(const std::optional<Label>& label, Domid domid, const Uuid& owner,
		std::optional<GrantId> except) const
	{
		return label && std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
			return grant.label == label && grant.domid == domid &&
			       grant.uuid == owner && grant.id != except;
		});
	}

	int calls_ = 0;
	std::uint64_t next_id_ = 17;
	std::uint32_t next_ref_ = 2048;
};

} // namespace iomemgrant

#endif
