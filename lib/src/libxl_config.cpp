// SPDX-License-Identifier: LGPL-2.1-or-later
#include "libxl_config.h"

#include <fstream>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace iomemgrant
{

std::optional<std::uint32_t> configured_maptrack_frames(
	const DomainInfo& domain, const std::filesystem::path& root)
{
	std::ifstream file(root / fmt::format("userdata-d.{}.{}.libxl-json", domain.id.value(),
					  domain.uuid.str()));
	// Another toolstack, or an older libxl, writes none of this: then nothing is known.
	const auto config = nlohmann::json::parse(file, nullptr, false);
	if (!config.is_object() || !config.contains("b_info"))
		return std::nullopt;
	const auto& build = config["b_info"];
	if (!build.is_object() || !build.contains("max_maptrack_frames"))
		return std::nullopt;
	const auto& frames = build["max_maptrack_frames"];
	// All ones stand for "not said".
	constexpr auto unset = std::numeric_limits<std::uint32_t>::max();
	if (!frames.is_number_unsigned() || frames.get<std::uint64_t>() >= unset)
		return std::nullopt;
	return frames.get<std::uint32_t>();
}

} // namespace iomemgrant
