// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/check/safety.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/check/examination.h"

namespace iomemgrant
{

std::vector<Hazard> Examination::absent()
{
	check_bar();
	if (found_.empty())
		check_range();
	return found_;
}

std::vector<Hazard> Examination::run()
{
	if (!absent().empty())
		return std::move(found_);
	check_segment();
	check_reserved();
	check_config();
	// A device that does not answer reads as ones, which say nothing of it.
	if (device_.config == ConfigState::silent)
		return std::move(found_);
	check_msix();
	check_claims();
	check_dma();
	check_mirror();
	check_shared_pages();
	check_critical();
	check_driver();
	check_decode();
	return std::move(found_);
}

void Examination::check_bar()
{
	const auto unassigned = [&](const std::string& why) {
		add(kind::bar_unassigned,
			fmt::format("BAR{} has no address ({})", region_.bar, why),
			fmt::format("dmesg | grep \"BAR {}\"", region_.bar))
			.with("bdf", bdf_);
	};
	const auto given_up = device_.given_up.at(region_.bar);
	switch (bar_.type) {
	case PciBar::Type::absent:
		if (given_up)
			return unassigned(fmt::format(
				"the kernel gave up {:#x}, which the device still holds",
				*given_up));
		add(kind::no_bar, fmt::format("{} has no BAR{}", bdf_, region_.bar), memory_bars());
		return;
	case PciBar::Type::io:
		add(kind::bar_io,
			fmt::format("{} BAR{} is an I/O port range, not memory", bdf_, region_.bar),
			memory_bars());
		return;
	case PciBar::Type::upper_half:
		add(kind::bar_upper_half,
			fmt::format("{} BAR{} is the upper half of 64-bit BAR{}", bdf_, region_.bar,
				region_.bar - 1),
			memory_bars());
		return;
	case PciBar::Type::memory:
		break;
	}
	if (bar_.unassigned)
		unassigned("firmware or kernel did not assign it");
}

void Examination::check_range()
{
	try {
		RegionSpec{region_.sbdf, region_.bar, region_.offset, region_.length}
			.require_pages();
	} catch (const Error& error) {
		found_.push_back({error});
		return;
	}
	const auto end = bar_bytes();
	if (region_.end() <= end)
		return;
	const auto first = std::min(region_.offset, end - page_size);
	add(kind::range_past_end,
		fmt::format("{:#x}+{:#x} ends at {:#x}, past BAR{}'s {:#x} bytes", region_.offset,
			region_.length, region_.end(), region_.bar, bar_.size),
		fmt::format("nearest page range: {:#x}+{:#x}", first, end - first));
}

std::string Examination::memory_bars() const
{
	const auto found = device_.memory_bars();
	if (found.empty())
		return "this device has no memory BAR";
	return fmt::format("memory BARs: {}", fmt::join(found, ", "));
}

std::string Examination::with_verb(
	const Span& pages, std::string_view singular, std::string_view plural) const
{
	if (pages.size() == 1)
		return fmt::format("page {} of BAR{} {}", pages.first, region_.bar, singular);
	return fmt::format(
		"pages {}-{} of BAR{} {}", pages.first, pages.end - 1, region_.bar, plural);
}

Error& Examination::add(ErrorKind kind, const std::string& message, std::string hint)
{
	return found_.emplace_back(Hazard{Error(kind, message, std::move(hint))}).error;
}

void Examination::only(const Span& pages)
{
	found_.back().first_page = pages.first;
	found_.back().nr_pages = pages.size();
}

Span Examination::pages_at(const Span& addresses) const
{
	return {(addresses.first - bar_.first_page()) / page_size,
		(addresses.end - bar_.first_page() + page_size - 1) / page_size};
}

Region settle(const PciDevices& devices, const RegionSpec& spec)
{
	const auto& bar = devices.resources(spec.sbdf).bars.at(spec.bar);
	const auto bytes = bar.nr_pages() * page_size;
	const auto rest = bytes > spec.offset ? bytes - spec.offset : page_size;
	return {spec.sbdf, spec.bar, spec.offset, spec.length.value_or(rest)};
}

void require_present(const PciDevices& devices, const Region& region)
{
	for (const auto& hazard : Examination(devices, region, {}).absent())
		throw hazard.error;
}

std::vector<Hazard> hazards(
	const PciDevices& devices, const Region& region, std::string_view grantee)
{
	return Examination(devices, region, grantee).run();
}

} // namespace iomemgrant
