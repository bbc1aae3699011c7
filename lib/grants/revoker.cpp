// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/grants/revoker.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "lib/grants/ending.h"
#include "lib/inventory/look.h"
#include "lib/inventory/wait.h"
#include "lib/publication/publisher.h"

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

// How long Xen may take to tear down the domains that the toolstack has destroyed.
constexpr milliseconds destroy_limit{60000};

/// One call of Revoker::revoke().  The order of its steps matters when it is killed in between:
/// what asks the guest comes before what ends the grant, and the publication goes last, so that
/// the next revocation finds what is left.
class Descent
{
public:
	Descent(Host& host, const std::vector<GrantStatus>& grants, const RevokeOptions& options)
		: host_(host), options_(options), items_(grants.begin(), grants.end()),
		  ending_(host, options, grants)
	{
	}

	std::vector<Revocation> run();

private:
	using Stage = RevokedGrant::Stage;

	template <typename Step>
	void each(Stage stage, Step step);
	std::size_t count(Stage stage) const;
	bool any(Stage stage) const { return count(stage) > 0; }

	void ask_guests();
	void watch_guests(Wait& wait);
	void announce();
	void announce(RevokedGrant& item, bool published);
	void await(Wait& wait);
	bool holds(RevokedGrant& item, Look& now);
	void force();
	void await_death();

	Host& host_;
	const RevokeOptions& options_;
	std::vector<RevokedGrant> items_;
	Ending ending_;
};

std::vector<Revocation> Descent::run()
{
	try {
		ask_guests();
		ending_.withdraw_ended(items_);
		force();
	} catch (const Error& error) {
		for (auto& item : items_) {
			if (item.stage == Stage::untouched || item.stage == Stage::asked)
				ending_.fail(item, error);
		}
	}
	ending_.withdraw_ended(items_);
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
			ending_.fail(item, error);
		}
	}
}

std::size_t Descent::count(Stage stage) const
{
	return static_cast<std::size_t>(std::ranges::count_if(
		items_, [&](const RevokedGrant& item) { return item.stage == stage; }));
}

// The watches end with the wait: of the directories that are withdrawn afterwards xenstored would
// tell this command, too.
void Descent::ask_guests()
{
	// Each grant that is ended here would wake a wait for the module.
	Wait wait(host_, options_.limit, Wait::Also::nothing);
	watch_guests(wait);
	announce();
	await(wait);
}

// One watch for all grants of a guest, before any of them is asked back: any answer of the guest
// wakes us.  Of a single grant the state is enough.
void Descent::watch_guests(Wait& wait)
{
	host_.checkpoint();
	std::map<Domid, std::vector<PublicationPath>> guests;
	for (const auto& item : items_) {
		if (item.status.in_kernel && item.status.domain_alive)
			guests[item.status.grant.domid].push_back(item.status.path(host_.self));
	}
	for (const auto& [domid, paths] : guests)
		wait.watch(paths.size() == 1 ? paths[0].frontend("state")
					     : PublicationPath::frontends(domid));
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
	each(Stage::untouched, [this](RevokedGrant& item) {
		const auto& status = item.status;
		host_.checkpoint();
		// The command that grants it may have published it since it was looked at.
		announce(item,
			announce_closing(host_.store, status.path(host_.self),
				status.published ? status.backend_state : XenbusState::unknown));
	});
}

void Descent::announce(RevokedGrant& item, bool published)
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

void Descent::await(Wait& wait)
{
	wait.restart(options_.limit);
	while (const auto waiting = count(Stage::asked)) {
		const bool last = wait.over();
		Look now(host_);
		each(Stage::asked, [&](RevokedGrant& item) {
			// Ending under a guest that has the pages mapped would take nothing away
			// from it, but would turn a grant it may still give up politely into one
			// that is ending.
			if (last || !holds(item, now))
				ending_.end(item);
		});
		if (last)
			return;
		const auto still = count(Stage::asked);
		// A withdrawal gives the guest's kernel more to do than an answer, so the
		// withdrawals wait while answers arrive.
		if (still == waiting)
			ending_.withdraw_ended(items_);
		// While answers for several grants arrive one by one, each look at all of them
		// takes CPU time from the xenstored that brings the answers.
		if (still)
			(void)wait.sleep(still > 1);
	}
}

// Whether the guest has taken the offer and not let go yet.  A Xen that does not count mappings
// leaves only the guest's word in XenStore.
bool Descent::holds(RevokedGrant& item, Look& now)
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

void Descent::force()
{
	if (options_.force != Rung::cooperative) {
		each(Stage::asked, [this](RevokedGrant& item) {
			host_.checkpoint();
			ending_.force(item);
			// Destroyed domains die together.
			if (options_.force != Rung::destroy_domain)
				ending_.end(item);
			item.result.rung = options_.force;
		});
	}
	if (options_.force == Rung::destroy_domain)
		await_death();
	each(Stage::asked,
		[this](RevokedGrant& item) { throw still_mapped(host_, item.status, options_); });
}

void Descent::await_death()
{
	if (!any(Stage::asked))
		return;
	Wait death(host_, destroy_limit);
	death.watch("@releaseDomain");
	while (true) {
		each(Stage::asked, [this](RevokedGrant& item) {
			ending_.end(item);
			item.result.rung = options_.force;
		});
		if (!any(Stage::asked) || death.over())
			return;
		(void)death.sleep();
	}
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
