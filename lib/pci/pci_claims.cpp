// SPDX-License-Identifier: LGPL-2.1-or-later
// /proc/iomem shows each BAR under the address of its device, and below it what was reserved of
// it: by the device's driver, by firmware tables, by this project's module.
#include "lib/pci/pci_device.h"

#include <charconv>
#include <fstream>

namespace iomemgrant
{

namespace
{

/// One line: "  fe604000-fe60400f : 0000:00:1b.0".
struct Line {
	std::size_t depth = 0;
	std::uint64_t first = 0;
	std::uint64_t last = 0;
	std::string name;
};

std::optional<Line> parse(const std::string& text)
{
	Line line;
	line.depth = text.find_first_not_of(' ');
	const auto colon = text.find(" : ");
	if (line.depth == std::string::npos || colon == std::string::npos)
		return std::nullopt;
	const auto* end = text.data() + text.size();
	const auto first = std::from_chars(text.data() + line.depth, end, line.first, 16);
	if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-')
		return std::nullopt;
	if (std::from_chars(first.ptr + 1, end, line.last, 16).ec != std::errc())
		return std::nullopt;
	line.name = text.substr(colon + 3);
	return line;
}

} // namespace

std::vector<PciClaim> PciDevices::claims(const Sbdf& sbdf) const
{
	if (!claims_) {
		claims_.emplace();
		std::ifstream file(iomem_);
		std::string text;
		std::optional<Line> bar;
		while (std::getline(file, text)) {
			const auto line = parse(text);
			// A user without privilege sees names, and zeros for addresses.
			if (!line || !line->last)
				continue;
			const auto device = Sbdf::parse(line->name);
			if (bar && line->depth <= bar->depth)
				bar.reset();
			// Virtual functions are shown below a BAR of their physical one.
			if (device)
				bar = line;
			else if (bar && !line->name.starts_with("xen_iomemgrant"))
				claims_->emplace(*Sbdf::parse(bar->name),
					PciClaim{line->first, line->last + 1, line->name});
		}
	}
	std::vector<PciClaim> found;
	const auto [begin, end] = claims_->equal_range(sbdf);
	for (auto claim = begin; claim != end; ++claim)
		found.push_back(claim->second);
	return found;
}

} // namespace iomemgrant
