// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/xen/libxl_config.h"

#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

// The part `b_info` of the file.  Another toolstack, or an older libxl, writes none of this: then
// it is an empty object.
nlohmann::json build_info(const DomainInfo& domain, const std::filesystem::path& root)
{
	std::ifstream file(root / fmt::format("userdata-d.{}.{}.libxl-json", domain.id.value(),
					  domain.uuid.str()));
	const auto config = nlohmann::json::parse(file, nullptr, false);
	const auto build = config.is_object() ? config.find("b_info") : config.end();
	if (build == config.end() || !build->is_object())
		return nlohmann::json::object();
	return *build;
}

std::optional<std::uint64_t> number(const nlohmann::json& object, const char* name)
{
	const auto found = object.find(name);
	if (found == object.end() || !found->is_number_unsigned())
		return std::nullopt;
	return found->get<std::uint64_t>();
}

} // namespace

std::optional<std::uint32_t> configured_maptrack_frames(
	const DomainInfo& domain, const std::filesystem::path& root)
{
	const auto frames = number(build_info(domain, root), "max_maptrack_frames");
	// All ones stand for "not said".
	constexpr auto unset = std::numeric_limits<std::uint32_t>::max();
	if (!frames || *frames >= unset)
		return std::nullopt;
	return static_cast<std::uint32_t>(*frames);
}

std::vector<MachineRange> configured_iomem(
	const DomainInfo& domain, const std::filesystem::path& root)
{
	std::vector<MachineRange> found;
	const auto build = build_info(domain, root);
	const auto list = build.find("iomem");
	if (list == build.end() || !list->is_array())
		return found;
	// No machine address has more bits; keeps the sum of the two from wrapping.
	constexpr std::uint64_t limit = 1ULL << 40;
	for (const auto& entry : *list) {
		if (!entry.is_object())
			continue;
		const auto start = number(entry, "start");
		const auto count = number(entry, "number");
		if (start && count && *start < limit && *count < limit)
			found.push_back({*start * page_size, (*start + *count) * page_size});
	}
	return found;
}

} // namespace iomemgrant
