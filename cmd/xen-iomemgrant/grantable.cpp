// SPDX-License-Identifier: GPL-2.0-or-later
#include "grantable.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <iomemgrant/byte_size.h>

namespace iomemgrant
{

namespace
{

PageRun run_of(const Grant& grant)
{
	return {grant.region.offset / page_size, grant.region.nr_pages()};
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

bool can_be_allowed(const Error& error)
{
	return error.kind() != kind::msix_table && AllowSet::all().lifts(error.kind());
}

// A few words on the pages a hazard is about; the whole sentence is for `check`.
std::string note(const Hazard& hazard, const std::vector<std::string>& policy_allows)
{
	const bool lifted = std::find(policy_allows.begin(), policy_allows.end(),
				    hazard.error.kind().slug) != policy_allows.end();
	const PageRun run{hazard.first_page, hazard.nr_pages};
	const auto& error = hazard.error;
	const bool one = run.count == 1;
	if (error.kind() == kind::msix_table)
		return fmt::format("{} {} the {} (never granted)", run.str(),
			one ? "holds" : "hold", detail(error, "what"));
	if (error.kind() == kind::shared_page)
		return fmt::format("{} {} shared with {}{}", run.str(), one ? "is" : "are",
			detail(error, "other_bdf"), lifted ? "" : " (needs --allow=shared-page)");
	return fmt::format("{}: {}", run.str(), error.what());
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
	const std::vector<Grant>& grants, const Policy& policy)
{
	Grantable found;
	const auto nr_pages = bar.nr_pages();
	const Region whole{sbdf, bar.index, 0, nr_pages * page_size};
	if (auto denied = policy.denial(devices.read(sbdf)))
		found.hazards.push_back({std::move(*denied)});
	auto more = iomemgrant::hazards(devices, whole);
	std::move(more.begin(), more.end(), std::back_inserter(found.hazards));
	const auto overrides = policy.overrides(devices.read(sbdf));
	std::vector<PageRun> taken;
	AllowSet needs, lifted;
	for (const auto& hazard : found.hazards) {
		const bool can = can_be_allowed(hazard.error);
		if (can && overrides.lifts(hazard.error.kind()))
			lifted.add(AllowSet::parse(hazard.error.kind().slug));
		else if (!hazard.whole_bar())
			taken.push_back({hazard.first_page, hazard.nr_pages});
		else if (can)
			needs.add(AllowSet::parse(hazard.error.kind().slug));
		else
			taken.push_back({0, nr_pages});
	}
	found.needs = needs.names();
	found.policy_allows = lifted.names();
	for (const auto& grant : grants) {
		if (!grant.region.overlaps(whole))
			continue;
		found.grants.push_back(grant);
		taken.push_back(run_of(grant));
	}
	found.pages = complement(std::move(taken), nr_pages);
	return found;
}

std::string Grantable::describe(std::uint64_t nr_pages) const
{
	std::vector<std::string> parts;
	const auto overrides = fmt::format("--allow={}", fmt::join(needs, ","));
	if (pages == std::vector<PageRun>{{0, nr_pages}}) {
		parts.push_back(needs.empty() ? "yes" : "needs " + overrides);
	} else if (!pages.empty()) {
		// "pages 0-7, 9"
		auto text =
			pages.size() == 1 && pages[0].count == 1 ? "page" : std::string("pages");
		for (const auto& run : pages)
			text += fmt::format("{} {}", &run == &pages[0] ? "" : ",", run.numbers());
		parts.push_back(needs.empty() ? text : text + " with " + overrides);
	}
	for (const auto& hazard : hazards) {
		if (!hazard.whole_bar())
			parts.push_back(note(hazard, policy_allows));
		else if (!can_be_allowed(hazard.error))
			parts.push_back(fmt::format("no: {}", hazard.error.what()));
	}
	if (!policy_allows.empty() && !pages.empty())
		parts.push_back(
			fmt::format("policy overrides {}", fmt::join(policy_allows, ", ")));
	for (const auto& grant : grants) {
		const auto run = run_of(grant);
		parts.push_back(fmt::format("{} {} granted ({})", run.str(),
			run.count == 1 ? "is" : "are", grant.id.str()));
	}
	return fmt::format("{}", fmt::join(parts, "; "));
}

Json Grantable::json() const
{
	Json answer = {{"pages", Json::array()}, {"needs", needs},
		{"policy_allows", policy_allows}, {"obstacles", Json::array()},
		{"grants", Json::array()}};
	for (const auto& run : pages)
		answer["pages"].push_back({{"first", run.first}, {"count", run.count}});
	for (const auto& hazard : hazards) {
		auto obstacle = Output::describe(hazard.error);
		const bool whole = hazard.whole_bar();
		obstacle["first_page"] = whole ? Json(nullptr) : Json(hazard.first_page);
		obstacle["pages"] = whole ? Json(nullptr) : Json(hazard.nr_pages);
		answer["obstacles"].push_back(std::move(obstacle));
	}
	for (const auto& grant : grants)
		answer["grants"].push_back(grant.id.value());
	return answer;
}

} // namespace iomemgrant
