// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/render/grantable.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

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

PageRun run_of(const Finding& finding)
{
	return {finding.first_page, finding.nr_pages};
}

// A few words on the pages that @alike are about, which are of one kind; the whole sentence is for
// `check`.
std::string note(const std::vector<const Finding*>& alike)
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
	for (const auto* finding : alike)
		others.push_back(fmt::format("{} {}", detail(finding->error, "other_bdf"),
			detail(finding->error, "other_bar")));
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
	RegionCheck check(
		devices, policy, surroundings.situation, {sbdf, bar.index, 0, std::nullopt});
	check.run();
	std::vector<PageRun> taken;
	for (const auto& finding : check.findings) {
		if (finding.lifted)
			found.policy_allows.add(*override_of(finding.error.kind()));
		else if (!finding.whole_bar())
			taken.push_back(run_of(finding));
		else if (finding.override_class)
			found.needs.add(*finding.override_class);
		else
			taken.push_back({0, nr_pages});
	}
	for (const auto& grant : surroundings.situation.grants) {
		if (!check.candidate || !check.candidate->meets(grant))
			continue;
		const auto run = common_pages(*check.candidate, grant);
		found.grants.push_back({grant.id, run});
		taken.push_back(run);
	}
	found.findings = std::move(check.findings);
	found.pages = complement(std::move(taken), nr_pages);
	std::uint64_t largest = 0;
	for (const auto& run : found.pages)
		largest = std::max(largest, run.count);
	if (surroundings.max_pages && *surroundings.max_pages < largest)
		found.at_most = surroundings.max_pages;
	return found;
}

// " (needs --allow=shared-page,dma-capable)": all that a grant of @run has to name.
std::string Grantable::overrides_of(const PageRun& run) const
{
	auto allow = needs;
	for (const auto& finding : findings) {
		const auto other = run_of(finding);
		const bool meets =
			finding.whole_bar() || (other.first < run.first + run.count &&
						       run.first < other.first + other.count);
		if (!meets || finding.lifted)
			continue;
		if (finding.final())
			return {};
		allow.add(*finding.override_class);
	}
	if (allow.empty())
		return {};
	return fmt::format(" (needs --allow={})", fmt::join(allow.names(), ","));
}

// One for each kind of finding and run of pages.
std::vector<std::string> Grantable::page_notes() const
{
	std::vector<std::vector<const Finding*>> groups;
	for (const auto& finding : findings) {
		if (finding.whole_bar())
			continue;
		const auto same =
			std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
				const auto& first = *group.front();
				return first.error.kind() == kind::shared_page &&
				       finding.error.kind() == kind::shared_page &&
				       run_of(first) == run_of(finding);
			});
		if (same == groups.end())
			groups.push_back({&finding});
		else
			same->push_back(&finding);
	}
	std::vector<std::string> notes;
	for (const auto& group : groups)
		notes.push_back(note(group) + overrides_of(run_of(*group.front())));
	return notes;
}

std::string Grantable::describe(std::uint64_t nr_pages) const
{
	std::vector<std::string> parts;
	const auto overrides = fmt::format("--allow={}", fmt::join(needs.names(), ","));
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
	for (const auto& finding : findings) {
		if (finding.whole_bar() && finding.final())
			parts.push_back(fmt::format("no: {}", finding.error.what()));
	}
	for (auto& note : page_notes())
		parts.push_back(std::move(note));
	if (!policy_allows.empty() && !pages.empty())
		parts.push_back(
			fmt::format("policy overrides {}", fmt::join(policy_allows.names(), ", ")));
	for (const auto& [id, run] : grants)
		parts.push_back(fmt::format(
			"{} {} granted ({})", run.str(), run.count == 1 ? "is" : "are", id.str()));
	return fmt::format("{}", fmt::join(parts, "; "));
}

Json Grantable::json() const
{
	Json answer = {{"pages", Json::array()}, {"needs", needs.names()},
		{"policy_allows", policy_allows.names()}, {"obstacles", Json::array()},
		{"max_pages", at_most ? Json(*at_most) : Json(nullptr)}, {"grants", Json::array()}};
	for (const auto& run : pages)
		answer["pages"].push_back({{"first", run.first}, {"count", run.count}});
	for (const auto& finding : findings) {
		auto obstacle = Output::describe(finding.error);
		const bool whole = finding.whole_bar();
		obstacle["first_page"] = whole ? Json(nullptr) : Json(finding.first_page);
		obstacle["pages"] = whole ? Json(nullptr) : Json(finding.nr_pages);
		answer["obstacles"].push_back(std::move(obstacle));
	}
	for (const auto& granted : grants)
		answer["grants"].push_back(granted.id.value());
	return answer;
}

} // namespace iomemgrant
