// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/ending.h"

#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "lib/host/grant_device.h"
#include "lib/inventory/look.h"
#include "lib/publication/publisher.h"

namespace iomemgrant
{

bool concerns_all(const Error& error)
{
	return error.kind() == kind::no_xenstore || error.kind() == kind::interrupted;
}

void Ending::end(RevokedGrant& item)
{
	try {
		if (host_.device.end(item.status.grant.id) == GrantDevice::Ended::still_mapped)
			return;
	} catch (const Error& error) {
		// The kernel was faster: the guest died, or an earlier end came true.
		if (error.kind() != kind::no_grant)
			throw;
	}
	item.stage = Stage::ended;
	if (item.held && item.status.domain_alive && is_still(host_, item.status.domain))
		item.result.rung = Rung::cooperative;
}

void Ending::force(const RevokedGrant& item)
{
	force_.take(item.status);
	record(AuditEvent::forced, item, to_string(options_.force),
		fmt::format("used --force={}", to_string(options_.force)));
}

// The grants of one guest leave XenStore together, and its empty directories with the last.
void Ending::withdraw_ended(std::vector<RevokedGrant>& items)
{
	std::map<Domid, std::vector<RevokedGrant*>> guests;
	std::optional<Error> lost;
	for (auto& item : items) {
		if (item.stage == Stage::ended)
			guests[item.status.grant.domid].push_back(&item);
	}
	for (const auto& [grantee, ended] : guests) {
		auto failed = lost;
		try {
			if (!failed)
				withdraw_of(grantee, ended);
		} catch (const Error& error) {
			failed = error;
			if (concerns_all(error))
				lost = error;
		}
		for (auto* item : ended) {
			if (failed) {
				fail(*item, *failed);
				continue;
			}
			const auto& rung = item->result.rung;
			item->stage = Stage::done;
			record(AuditEvent::revoked, *item, "revoked",
				rung ? fmt::format("revoked, rung {}", to_string(*rung))
				     : "revoked");
		}
	}
}

// A guest with other grants keeps its directories, which saves the look whether they are empty.
// Each revocation ends its grants first and takes them out of XenStore then; so the last of several
// at the same time sees no other grant in the kernel, and removes the directories.
void Ending::withdraw_of(Domid grantee, const std::vector<RevokedGrant*>& items)
{
	std::vector<PublicationPath> paths;
	for (const auto* item : items) {
		host_.trace(fmt::format(
			"{}: ended; withdrawing it from XenStore", item->status.grant.id.str()));
		paths.push_back(item->status.path(host_.self));
	}
	if (paths.size() == 1 && !Look(host_).has_grant_of(grantee)) {
		withdraw(host_.store, paths.front());
		return;
	}
	// Outside of a transaction, in which xenstored would compare each node removed with all
	// those before.  Each directory is removed by a request of its own: xenbus in the guest
	// takes a device for gone when it hears of that device's directory, and xenstored tells of
	// no node below the one that is removed.
	withdraw_beside_others(host_.store, paths);
	if (!Look(host_).has_grant_of(grantee))
		remove_empty_directories(host_.store, host_.self, grantee);
}

void Ending::fail(RevokedGrant& item, const Error& error)
{
	const bool alone = error.kind() == kind::no_xenstore && item.status.in_kernel;
	const bool touched = alone || item.stage != Stage::untouched;
	auto failed = alone ? end_alone(item, error) : error;
	item.stage = Stage::done;
	item.result.rung.reset();
	if (touched) {
		// At the least the guest has been asked.
		failed.after_change();
		record(says_ended(failed) ? AuditEvent::revoked : AuditEvent::kept, item,
			failed.kind().slug, failed.what());
	}
	item.result.error = std::move(failed);
}

// Without XenStore the guest cannot be asked nor told any more, which is no reason for the kernel
// to go on granting.
Error Ending::end_alone(RevokedGrant& item, const Error& no_xenstore)
{
	bool cut_off = false;
	try {
		if (item.stage != Stage::ended)
			end(item);
		cut_off = item.stage != Stage::ended && options_.force == Rung::disable_decode;
		if (cut_off) {
			force(item);
			end(item);
		}
	} catch (const Error& error) {
		return error;
	}
	return without_xenstore(
		no_xenstore, item.status.grant.id, item.stage == Stage::ended, cut_off);
}

void Ending::record(AuditEvent event, const RevokedGrant& item, std::string_view result,
	const std::string& what)
{
	const auto& status = item.status;
	AuditEntry entry;
	entry.event = event;
	entry.result = result;
	entry.message =
		fmt::format("{} of {}: {}", status.grant.id.str(), describe(status.domain), what);
	entry.domain = status.domain;
	entry.region = status.grant.region;
	entry.grant = status.grant.id;
	host_.audit(entry);
}

} // namespace iomemgrant
