// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/text/closest.h"

#include <algorithm>
#include <utility>

namespace iomemgrant
{

namespace
{

// Not tolower(): the answer must not depend on the locale.
std::string lower_case(std::string_view text)
{
	std::string lower(text);
	for (char& c : lower) {
		if (c >= 'A' && c <= 'Z')
			c = static_cast<char>(c - 'A' + 'a');
	}
	return lower;
}

// Levenshtein distance.
std::size_t distance(const std::string& from, const std::string& to)
{
	std::vector<std::size_t> row(to.size() + 1);
	for (std::size_t j = 0; j < row.size(); j++)
		row[j] = j;
	for (std::size_t i = 0; i < from.size(); i++) {
		std::size_t diagonal = row[0];
		row[0] = i + 1;
		for (std::size_t j = 0; j < to.size(); j++) {
			const auto replace = diagonal + (from[i] != to[j]);
			diagonal = row[j + 1];
			row[j + 1] = std::min({row[j] + 1, diagonal + 1, replace});
		}
	}
	return row.back();
}

} // namespace

std::vector<std::string> closest(
	std::string_view wanted, const std::vector<std::string>& candidates, std::size_t max_edits)
{
	const auto typed = lower_case(wanted);
	std::vector<std::pair<std::size_t, std::string>> near;
	for (const auto& candidate : candidates) {
		const auto edits = distance(typed, lower_case(candidate));
		if (!candidate.empty() && edits <= max_edits)
			near.emplace_back(edits, candidate);
	}
	std::sort(near.begin(), near.end());
	near.erase(std::unique(near.begin(), near.end()), near.end());
	std::vector<std::string> names;
	for (std::size_t i = 0; i < near.size() && i < 3; i++)
		names.push_back(near[i].second);
	return names;
}

} // namespace iomemgrant
