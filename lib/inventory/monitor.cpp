// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/inventory/monitor.h"

#include <fmt/format.h>

#include "lib/inventory/select_grant.h"
#include "lib/text/enum_names.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

/// Whether a reader of `list` would see a difference.
bool looks_the_same(const GrantStatus& a, const GrantStatus& b)
{
	return a.state() == b.state() && a.mapped_pages() == b.mapped_pages() &&
	       a.published == b.published && a.backend_state == b.backend_state &&
	       a.guest == b.guest && a.device_present == b.device_present &&
	       a.domain.name == b.domain.name && a.note() == b.note();
}

std::optional<GrantStatus> find(Host& host, Domains& domains, const GrantName& wanted)
{
	try {
		return find_grant(host, domains, wanted);
	} catch (const Error& error) {
		if (error.kind() == kind::no_grant)
			return std::nullopt;
		throw;
	}
}

// Whether there was a grant of this name, as far as an id tells.
bool has_existed(const Host& host, const GrantName& name)
{
	const auto highest = host.numbers.highest();
	return name.id && *name.id > GrantId(0) && (!highest || *name.id <= *highest);
}

bool reached(const std::optional<GrantStatus>& status, Goal goal)
{
	if (!status)
		return goal != Goal::mapped;
	switch (goal) {
	case Goal::mapped:
		return status->mapped_pages() == status->grant.region.nr_pages() &&
		       status->state() == GrantState::mapped;
	case Goal::unmapped:
		return status->mapped_pages() == 0;
	case Goal::gone:
		return false;
	}
	return false;
}

// Watches publications come and go, and domains die.
void watch_grants(const Host& host, Wait& wait)
{
	wait.watch(PublicationPath::backends(host.self));
	wait.watch("@releaseDomain");
}

constexpr EnumName<GrantEvent::Kind> event_names[] = {
	{GrantEvent::Kind::present, "present"},
	{GrantEvent::Kind::granted, "granted"},
	{GrantEvent::Kind::changed, "changed"},
	{GrantEvent::Kind::gone, "gone"},
};

constexpr EnumName<Goal> goal_names[] = {
	{Goal::mapped, "mapped"},
	{Goal::unmapped, "unmapped"},
	{Goal::gone, "gone"},
};

} // namespace

std::string_view to_string(GrantEvent::Kind kind)
{
	return name_in(event_names, kind);
}

Monitor::Monitor(Host& host, Filter filter)
	: host_(host), filter_(std::move(filter)), wait_(host, milliseconds(0))
{
	watch_grants(host, wait_);
}

std::vector<GrantEvent> Monitor::next(milliseconds limit)
{
	wait_.restart(limit);
	while (true) {
		auto events = look();
		if (!events.empty() || wait_.over())
			return events;
		(void)wait_.sleep();
	}
}

std::vector<GrantEvent> Monitor::look()
{
	// Names and UUIDs of domains change, and devices come and go: nothing of the last look is
	// kept.
	Domains domains(host_);
	host_.pci.forget();
	const auto grants = take_inventory(host_, domains);
	wait_.follow(grants);

	std::vector<GrantEvent> events;
	auto before = std::exchange(known_, {});
	for (const auto& status : grants) {
		// A grant that the filter accepted once stays: after its domain dies, the name that
		// matched is gone.
		const auto path = status.path(host_.self);
		if (!before.contains(path) && !filter_(status))
			continue;
		known_.insert_or_assign(path, status);
		const auto old = before.extract(path);
		if (old.empty())
			events.push_back(
				{first_ ? GrantEvent::Kind::present : GrantEvent::Kind::granted,
					status, std::nullopt});
		else if (!looks_the_same(old.mapped(), status))
			events.push_back({GrantEvent::Kind::changed, status, old.mapped()});
	}
	for (const auto& [path, status] : before)
		events.push_back({GrantEvent::Kind::gone, status, std::nullopt});
	first_ = false;
	return events;
}

Goal parse_goal(std::string_view text)
{
	if (const auto goal = value_in(goal_names, text))
		return *goal;
	throw Error(kind::usage, fmt::format("--for: '{}' is not mapped, unmapped or gone", text));
}

std::string_view to_string(Goal goal)
{
	return name_in(goal_names, goal);
}

std::optional<GrantStatus> await_grant(
	Host& host, const GrantName& name, Goal goal, milliseconds limit)
{
	Wait wait(host, limit);
	watch_grants(host, wait);
	auto wanted = name;
	bool seen = false;
	while (true) {
		Domains domains(host);
		host.pci.forget();
		const auto status = find(host, domains, wanted);
		if (status) {
			// From now on it is this one, even if another grant gets the label.
			wanted = GrantName::of(status->grant.id);
			wait.follow({*status});
		}
		if (!status && !seen && !(goal == Goal::gone && has_existed(host, wanted)))
			(void)find_grant(host, domains, wanted); // says that there is none
		if (reached(status, goal))
			return status;
		if (!status)
			throw Error(kind::no_grant,
				fmt::format("{} ended while it was waited for", wanted.describe()),
				"xen-iomemgrant list");
		seen = true;
		if (wait.over())
			throw Error(kind::timeout,
				fmt::format("{} is not {} after {}: {}, {} of {} pages mapped",
					wanted.describe(), to_string(goal), in_seconds(limit),
					to_string(status->state()), status->mapped_pages(),
					status->grant.region.nr_pages()),
				"--timeout=SEC waits longer")
				.with("grant", wanted.describe())
				.with("state", std::string(to_string(status->state())));
		(void)wait.sleep();
	}
}

} // namespace iomemgrant
