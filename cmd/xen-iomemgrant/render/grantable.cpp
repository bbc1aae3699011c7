// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/render/grantable.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

// Those of the BAR that @grant, which may have been made of another BAR, has of it.
PageRun common_pages(const Candidate& bar, const Grant& grant)
{
	const auto start = bar.address();
	const auto from = std::max(bar.address_of(grant), start);
	const auto to =
		std::min(bar.address_of(grant) + grant.region.length, start + bar.region.length);
	return {(from - start) / page_size, (to - from) / page_size};
}

std::vector<PageRun> complement(std::vector<PageRun> taken, std::uint64_t nr_pages)
{
	std::sort(taken.begin(), taken.end(),
		[](const PageRun& a, const PageRun& b) { return a.first < b.first; });
	std::vector<PageRun> left;
	std::uint64_t next = 0;
	for (const auto& run : taken) {
		if (run.first > next)
			left.push_back({next, run.first - next});
		next = std::max(next, run.first + run.count);
	}
	if (next < nr_pages)
		left.push_back({next, nr_pages - next});
	return left;
}

std::string detail(const Error& error, std::string_view name)
{
	for (const auto& [key, value] : error.details()) {
		if (key == name)
			return value;
	}
	return {};
}

PageRun run_of(const Hazard& hazard)
{
	return {hazard.first_page, hazard.nr_pages};
}

// A few words on the pages that @alike are about, which are of one kind; the whole sentence is for
// `check`.
std::string note(const std::vector<const Hazard*>& alike)
{
	const auto& error = alike.front()->error;
	const auto run = run_of(*alike.front());
	const bool one = run.count == 1;
	if (error.kind() == kind::msix_table)
		return fmt::format("{} {} the {} (never granted)", run.str(),
			one ? "holds" : "hold", detail(error, "what"));
	if (error.kind() != kind::shared_page)
		return fmt::format("{}: {}", run.str(), error.what());
	std::vector<std::string> others;
	for (const auto* hazard : alike)
		others.push_back(fmt::format("{} {}", detail(hazard->error, "other_bdf"),
			detail(hazard->error, "other_bar")));
	return fmt::format(
		"{} {} shared with {}", run.str(), one ? "is" : "are", fmt::join(others, " and "));
}

} // namespace

std::string PageRun::str() const
{
	return fmt::format("{} {}", count == 1 ? "page" : "pages", numbers());
}

std::string PageRun::numbers() const
{
	return count == 1 ? std::to_string(first) : fmt::format("{}-{}", first, first + count - 1);
}

Grantable Grantable::of(const PciDevices& devices, const PciBar& bar, Sbdf sbdf,
	const Surroundings& surroundings, const Policy& policy)
{
	Grantable found;
	const auto nr_pages = bar.nr_pages();
	const Region whole{sbdf, bar.index, 0, nr_pages * page_size};
	found.hazards = obstacles(devices, policy, surroundings.situation, whole);
	const auto overrides = policy.overrides(devices.read(sbdf));
	std::vector<PageRun> taken;
	AllowSet needs, lifted;
	for (const auto& hazard : found.hazards) {
		if (hazard.lifted_by(overrides))
			lifted.add(AllowSet::parse(hazard.error.kind().slug));
		else if (!hazard.whole_bar())
			taken.push_back(run_of(hazard));
		else if (hazard.liftable())
			needs.add(AllowSet::parse(hazard.error.kind().slug));
		else
			taken.push_back({0, nr_pages});
	}
	found.needs = needs.names();
	found.policy_allows = lifted.names();
	const Candidate candidate{devices.read(sbdf), whole};
	for (const auto& grant : surroundings.situation.grants) {
		if (!bar.usable() || !candidate.meets(grant))
			continue;
		const auto run = common_pages(candidate, grant);
		found.grants.push_back({grant.id, run});
		taken.push_back(run);
	}
	found.pages = complement(std::move(taken), nr_pages);
	std::uint64_t largest = 0;
	for (const auto& run : found.pages)
		largest = std::max(largest, run.count);
	if (surroundings.max_pages && *surroundings.max_pages < largest)
		found.at_most = surroundings.max_pages;
	return found;
}

bool Grantable::lifted_by_policy(const Hazard& hazard) const
{
	return !hazard.final && std::find(policy_allows.begin(), policy_allows.end(),
					hazard.error.kind().slug) != policy_allows.end();
}

// " (needs --allow=shared-page,dma-capable)": all that a grant of @run has to name.
std::string Grantable::overrides_of(const PageRun& run) const
{
	AllowSet allow;
	for (const auto& name : needs)
		allow.add(AllowSet::parse(name));
	for (const auto& hazard : hazards) {
		const auto other = run_of(hazard);
		const bool meets =
			hazard.whole_bar() || (other.first < run.first + run.count &&
						      run.first < other.first + other.count);
		if (!meets || lifted_by_policy(hazard))
			continue;
		if (!hazard.liftable())
			return {};
		allow.add(AllowSet::parse(hazard.error.kind().slug));
	}
	if (allow.empty())
		return {};
	return fmt::format(" (needs --allow={})", fmt::join(allow.names(), ","));
}

// One for each kind of finding and run of pages.
std::vector<std::string> Grantable::page_notes() const
{
	std::vector<std::vector<const Hazard*>> groups;
	for (const auto& hazard : hazards) {
		if (hazard.whole_bar())
			continue;
		const auto same =
			std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
				const auto& first = *group.front();
				return first.error.kind() == kind::shared_page &&
				       hazard.error.kind() == kind::shared_page &&
				       run_of(first) == run_of(hazard);
			});
		if (same == groups.end())
			groups.push_back({&hazard});
		else
			same->push_back(&hazard);
	}
	std::vector<std::string> notes;
	for (const auto& group : groups)
		notes.push_back(note(group) + overrides_of(run_of(*group.front())));
	return notes;
}

std::string Grantable::describe(std::uint64_t nr_pages) const
{
	std::vector<std::string> parts;
	const auto overrides = fmt::format("--allow={}", fmt::join(needs, ","));
	if (at_most == 0U)
		parts.push_back("no: no room for another grant (see limits)");
	else if (pages == std::vector<PageRun>{{0, nr_pages}}) {
		parts.push_back(needs.empty() ? "yes" : "needs " + overrides);
	} else if (!pages.empty()) {
		// "pages 0-7, 9"
		auto text =
			pages.size() == 1 && pages[0].count == 1 ? "page" : std::string("pages");
		for (const auto& run : pages)
			text += fmt::format("{} {}", &run == &pages[0] ? "" : ",", run.numbers());
		parts.push_back(needs.empty() ? text : text + " with " + overrides);
	}
	if (at_most.value_or(0))
		parts.back() +=
			fmt::format(", {} in one grant", format_byte_size(*at_most * page_size));
	for (const auto& hazard : hazards) {
		if (hazard.whole_bar() && !hazard.liftable())
			parts.push_back(fmt::format("no: {}", hazard.error.what()));
	}
	for (auto& note : page_notes())
		parts.push_back(std::move(note));
	if (!policy_allows.empty() && !pages.empty())
		parts.push_back(fmt::format("policy overrides {}", fmt::join(policy_allows, ", ")));
	for (const auto& [id, run] : grants)
		parts.push_back(fmt::format(
			"{} {} granted ({})", run.str(), run.count == 1 ? "is" : "are", id.str()));
	return fmt::format("{}", fmt::join(parts, "; "));
}

Json Grantable::json() const
{
	Json answer = {{"pages", Json::array()}, {"needs", needs}, {"policy_allows", policy_allows},
		{"obstacles", Json::array()},
		{"max_pages", at_most ? Json(*at_most) : Json(nullptr)}, {"grants", Json::array()}};
	for (const auto& run : pages)
		answer["pages"].push_back({{"first", run.first}, {"count", run.count}});
	for (const auto& hazard : hazards) {
		auto obstacle = Output::describe(hazard.error);
		const bool whole = hazard.whole_bar();
		obstacle["first_page"] = whole ? Json(nullptr) : Json(hazard.first_page);
		obstacle["pages"] = whole ? Json(nullptr) : Json(hazard.nr_pages);
		answer["obstacles"].push_back(std::move(obstacle));
	}
	for (const auto& granted : grants)
		answer["grants"].push_back(granted.id.value());
	return answer;
}

} // namespace iomemgrant
