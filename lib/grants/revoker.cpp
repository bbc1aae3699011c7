// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/revoker.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "lib/grants/force.h"
#include "lib/inventory/look.h"
#include "lib/publication/publisher.h"

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

// Xen's count may drop without any XenStore event, so no sleep is longer than this.
constexpr milliseconds longest_nap{250};
// While answers for several grants arrive one by one, each look at all of them takes CPU time from
// the xenstored that brings the answers.
constexpr milliseconds shortest_nap{20};
// How long Xen may take to tear down the domains that the toolstack has destroyed.
constexpr milliseconds destroy_limit{60000};

// These stop the whole revocation, not that of one grant.
bool concerns_all(const Error& error)
{
	return error.kind() == kind::no_xenstore || error.kind() == kind::interrupted;
}

/// One grant on its way down the ladder.
struct Item {
	enum class Stage {
		untouched,
		asked, ///< the guest has been asked, or there is none to ask
		ended, ///< in the kernel; XenStore may still have it
		done,  ///< withdrawn, or failed
	};

	explicit Item(const GrantStatus& grant) : status(grant) {}

	const GrantStatus& status;
	Stage stage = Stage::untouched;
	bool published = false;
	/// The guest was seen to have taken the offer.
	bool held = false;
	Revocation result;
};

/// One call of Revoker::revoke().  The order of its steps matters when it is killed in between:
/// what asks the guest comes before what ends the grant, and the publication goes last, so that
/// the next revocation finds what is left.
class Descent
{
public:
	Descent(Host& host, const std::vector<GrantStatus>& grants, const RevokeOptions& options)
		: host_(host), options_(options), items_(grants.begin(), grants.end()),
		  force_(host, options, grants)
	{
	}

	std::vector<Revocation> run();

private:
	using Stage = Item::Stage;

	template <typename Step>
	void each(Stage stage, Step step);
	std::size_t count(Stage stage) const;
	bool any(Stage stage) const { return count(stage) > 0; }

	void watch_guests();
	void announce();
	void announce(Item& item, bool published);
	void await();
	bool holds(Item& item, Look& now);
	void end(Item& item);
	void force();
	void await_death();
	void withdraw_ended();
	void withdraw_of(Domid grantee, const std::vector<Item*>& items);
	void fail(Item& item, const Error& error);
	Error end_alone(Item& item, const Error& no_xenstore);
	void record(AuditEvent event, const Item& item, std::string_view result,
		const std::string& what);

	Host& host_;
	const RevokeOptions& options_;
	std::vector<Item> items_;
	Force force_;
	std::vector<std::unique_ptr<XenStoreWatch>> watches_;
};

std::vector<Revocation> Descent::run()
{
	try {
		watch_guests();
		announce();
		await();
		withdraw_ended();
		force();
	} catch (const Error& error) {
		for (auto& item : items_) {
			if (item.stage == Stage::untouched || item.stage == Stage::asked)
				fail(item, error);
		}
	}
	withdraw_ended();
	std::vector<Revocation> results;
	for (auto& item : items_)
		results.push_back(std::move(item.result));
	return results;
}

// Does @step with each grant that is at @stage.  Throws Error when it concerns all of them.
template <typename Step>
void Descent::each(Stage stage, Step step)
{
	for (auto& item : items_) {
		if (item.stage != stage)
			continue;
		try {
			step(item);
		} catch (const Error& error) {
			if (concerns_all(error))
				throw;
			fail(item, error);
		}
	}
}

std::size_t Descent::count(Stage stage) const
{
	return static_cast<std::size_t>(
		std::ranges::count_if(items_, [&](const Item& item) { return item.stage == stage; }));
}

// One watch for all grants of a guest, before any of them is asked back: any answer of the guest
// wakes us.  Of a single grant the state is enough.
void Descent::watch_guests()
{
	host_.checkpoint();
	std::map<Domid, std::vector<PublicationPath>> guests;
	for (const auto& item : items_) {
		if (item.status.in_kernel && item.status.domain_alive)
			guests[item.status.grant.domid].push_back(item.status.path(host_.self));
	}
	for (const auto& [domid, paths] : guests)
		watches_.push_back(
			host_.store.watch(paths.size() == 1 ? paths[0].frontend("state")
							    : PublicationPath::frontends(domid)));
}

// Grants of one guest about which XenStore was not asked are announced together; of the others the
// state decides whether there is something to write.
void Descent::announce()
{
	std::map<Domid, std::vector<PublicationPath>> unasked;
	for (const auto& item : items_) {
		const auto& status = item.status;
		if (status.published && status.backend_state == XenbusState::unknown)
			unasked[status.grant.domid].push_back(status.path(host_.self));
	}
	for (const auto& entry : unasked) {
		host_.checkpoint();
		if (entry.second.size() < 2)
			continue;
		std::set<PublicationPath> asked;
		try {
			asked = announce_closing(host_.store, entry.second);
		} catch (const Error& error) {
			if (concerns_all(error))
				throw;
			// Each grant is asked by itself below, and fails by itself.
		}
		// At once, so that an interrupted command does not say that nothing was changed.
		for (auto& item : items_) {
			if (asked.contains(item.status.path(host_.self)))
				announce(item, true);
		}
	}
	each(Stage::untouched, [this](Item& item) {
		const auto& status = item.status;
		host_.checkpoint();
		// The command that grants it may have published it since it was looked at.
		announce(item, announce_closing(host_.store, status.path(host_.self),
				       status.published ? status.backend_state
							: XenbusState::unknown));
	});
}

void Descent::announce(Item& item, bool published)
{
	const auto& status = item.status;
	host_.trace(fmt::format(
		"{}: asking {} to let go", status.grant.id.str(), describe(status.domain)));
	item.stage = Stage::asked;
	item.published = published;
	item.held = status.domain_alive && (status.grant.nr_mapped.value_or(0) ||
						   status.guest.state == XenbusState::connected);
	if (!status.in_kernel)
		item.stage = Stage::ended;
}

void Descent::await()
{
	const auto deadline = host_.now() + options_.limit;
	while (const auto waiting = count(Stage::asked)) {
		const auto left = std::chrono::ceil<milliseconds>(deadline - host_.now());
		const bool last = left <= milliseconds(0);
		Look now(host_);
		each(Stage::asked, [&](Item& item) {
			// Ending under a guest that has the pages mapped would take nothing away
			// from it, but would turn a grant it may still give up politely into one
			// that is ending.
			if (last || !holds(item, now))
				end(item);
		});
		if (last)
			return;
		const auto still = count(Stage::asked);
		// A withdrawal gives the guest's kernel more to do than an answer, so the withdrawals wait
		// while answers arrive.
		if (still == waiting)
			withdraw_ended();
		if (still && host_.store.wait(std::min(left, longest_nap)) && still > 1)
			std::this_thread::sleep_for(shortest_nap);
		host_.checkpoint();
	}
}

// Whether the guest has taken the offer and not let go yet.  A Xen that does not count mappings leaves
// only the guest's word in XenStore.
bool Descent::holds(Item& item, Look& now)
{
	const auto& status = item.status;
	const auto* grant = now.grant(status);
	if (!grant || !item.published || !now.alive(status))
		return false;
	if (grant->nr_mapped && !*grant->nr_mapped)
		return false;
	if (!grant->nr_mapped) {
		const auto state =
			decode_state(host_.store.read(status.path(host_.self).frontend("state")));
		if (state != XenbusState::connected && state != XenbusState::closing)
			return false;
	}
	item.held = true;
	return true;
}

void Descent::end(Item& item)
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
	if (item.held && is_alive(host_, item.status))
		item.result.rung = Rung::cooperative;
}

void Descent::force()
{
	if (options_.force != Rung::cooperative) {
		each(Stage::asked, [this](Item& item) {
			host_.checkpoint();
			force_.take(item.status);
			record(AuditEvent::forced, item, to_string(options_.force),
				fmt::format("used --force={}", to_string(options_.force)));
			// Destroyed domains die together.
			if (options_.force != Rung::destroy_domain)
				end(item);
			item.result.rung = options_.force;
		});
	}
	if (options_.force == Rung::destroy_domain)
		await_death();
	each(Stage::asked,
		[this](Item& item) { throw still_mapped(host_, item.status, options_); });
}

void Descent::await_death()
{
	const auto deadline = host_.now() + destroy_limit;
	if (any(Stage::asked))
		watches_.push_back(host_.store.watch("@releaseDomain"));
	while (any(Stage::asked)) {
		each(Stage::asked, [this](Item& item) {
			end(item);
			item.result.rung = options_.force;
		});
		if (!any(Stage::asked) || host_.now() >= deadline)
			return;
		(void)host_.store.wait(longest_nap, host_.device.fd());
		host_.checkpoint();
	}
}

// The grants of one guest leave XenStore together, and its empty directories with the last.
void Descent::withdraw_ended()
{
	std::map<Domid, std::vector<Item*>> guests;
	std::optional<Error> lost;
	for (auto& item : items_) {
		if (item.stage == Stage::ended)
			guests[item.status.grant.domid].push_back(&item);
	}
	for (const auto& [grantee, items] : guests) {
		auto failed = lost;
		try {
			if (!failed)
				withdraw_of(grantee, items);
		} catch (const Error& error) {
			failed = error;
			if (concerns_all(error))
				lost = error;
		}
		for (auto* item : items) {
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
void Descent::withdraw_of(Domid grantee, const std::vector<Item*>& items)
{
	for (const auto* item : items)
		host_.trace(fmt::format(
			"{}: ended; withdrawing it from XenStore", item->status.grant.id.str()));
	if (items.size() == 1 && !Look(host_).has_grant_of(grantee)) {
		withdraw(host_.store, items.front()->status.path(host_.self));
		return;
	}
	// Outside of a transaction, in which xenstored would compare each node removed with all
	// those before.  Each directory is removed by a request of its own: xenbus in the guest
	// takes a device for gone when it hears of that device's directory, and xenstored tells of
	// no node below the one that is removed.
	for (const auto* item : items)
		withdraw_beside_others(host_.store, item->status.path(host_.self));
	if (!Look(host_).has_grant_of(grantee))
		remove_empty_directories(host_.store, host_.self, grantee);
}

void Descent::fail(Item& item, const Error& error)
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
Error Descent::end_alone(Item& item, const Error& no_xenstore)
{
	bool cut_off = false;
	try {
		if (item.stage != Stage::ended)
			end(item);
		cut_off = item.stage != Stage::ended && options_.force == Rung::disable_decode;
		if (cut_off) {
			force_.take(item.status);
			record(AuditEvent::forced, item, to_string(options_.force),
				fmt::format("used --force={}", to_string(options_.force)));
			end(item);
		}
	} catch (const Error& error) {
		return error;
	}
	return without_xenstore(
		no_xenstore, item.status.grant.id, item.stage == Stage::ended, cut_off);
}

void Descent::record(
	AuditEvent event, const Item& item, std::string_view result, const std::string& what)
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

} // namespace

std::vector<Revocation> Revoker::revoke(
	const std::vector<GrantStatus>& grants, const RevokeOptions& options)
{
	return Descent(host_, grants, options).run();
}

std::optional<Rung> Revoker::revoke(const GrantStatus& status, const RevokeOptions& options)
{
	const auto result = revoke(std::vector{status}, options).at(0);
	if (result.error)
		throw Error(*result.error);
	return result.rung;
}

} // namespace iomemgrant
