// SPDX-License-Identifier: LGPL-2.1-or-later
// The checks that are about single pages of a BAR: what else lies in them, and who has them.
#include <fmt/format.h>

#include "lib/check/region_check.h"
#include "lib/pci/config_mirror.h"
#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

// The firmware's and the early kernel's, which stay when a driver binds: not the driver's own.
bool is_of_firmware(std::string_view owner)
{
	constexpr std::string_view beginnings[] = {
		"APEI", "ACPI", "BOOTFB", "efifb", "pnp", "simplefb", "vesafb"};
	return std::any_of(std::begin(beginnings), std::end(beginnings),
		[&](std::string_view beginning) { return owner.starts_with(beginning); });
}

} // namespace

void RegionCheck::check_reserved()
{
	// Where every x86 has them; Xen knows of more and has the last word.
	constexpr std::pair<Span, std::string_view> owners[] = {
		{{0xfee00000, 0xfef00000}, "local APIC"},
		{{0xfec00000, 0xfec01000}, "I/O APIC"},
	};
	for (const auto& [span, owner] : owners) {
		const auto common = addresses().common(span);
		if (common.empty())
			continue;
		add(kind::xen_reserved,
			fmt::format("{:#x} belongs to the {}, which Xen never lends", common.first,
				owner));
		only(pages_at(common));
	}
}

Span RegionCheck::msix_pages(const MsixRange& range) const
{
	if (range.bar != region().bar)
		return {0, 0};
	// Offsets of the specification count from the BAR, those of a region from its first page.
	const auto start = bar().address - bar().first_page() + range.offset;
	const Span pages{start / page_size, page_round_up(start + range.length) / page_size};
	return pages.common({region().offset / page_size, region().end() / page_size});
}

void RegionCheck::check_msix()
{
	if (!device().msix)
		return;
	const auto& msix = *device().msix;
	if (!locates("MSI-X table", msix.table) || !locates("MSI-X pending bits", msix.pending))
		return;
	const auto table = msix_pages(msix.table);
	const auto pending = msix_pages(msix.pending);
	add_msix("MSI-X table", "writing it makes the device write to any address", table);
	// One refusal a page is enough.
	if (pending.common(table).size() < pending.size())
		add_msix("MSI-X pending bits",
			"Xen write-protects it while MSI-X is set up, and a guest's write would "
			"fault",
			pending);
}

// The same for the module: a structure that cannot be located may be in any page.
bool RegionCheck::locates(std::string_view what, const MsixRange& range)
{
	const auto& bars = device().resources.bars;
	if (range.bar < bars.size() && bars[range.bar].is_memory())
		return true;
	add(kind::msix_table,
		fmt::format("{} places its {} in BAR{}, which is no memory BAR; any page may hold "
			    "a part "
			    "of it",
			bdf_, what, range.bar),
		"no --allow lifts this")
		.with("bdf", bdf_)
		.with("what", std::string(what));
	return false;
}

void RegionCheck::add_msix(std::string_view what, std::string_view because, const Span& pages)
{
	if (pages.empty())
		return;
	const auto rest = clear_of_msix();
	add(kind::msix_table,
		fmt::format("{} the {}; {}", with_verb(pages, "holds", "hold"), what, because),
		fmt::format("{}; no --allow lifts this",
			rest.empty() ? "choose another range"
				     : fmt::format("exclude {} ({})",
					       pages.size() == 1 ? "it" : "them", rest)))
		.with("bdf", bdf_)
		.with("bar", std::to_string(region().bar))
		.with("what", std::string(what))
		.with("first_page", std::to_string(pages.first))
		.with("pages", std::to_string(pages.size()));
	only(pages);
}

// The longest part of the region that keeps clear of MSI-X, as the user would write it.
std::string RegionCheck::clear_of_msix() const
{
	const auto table = msix_pages(device().msix->table);
	const auto pending = msix_pages(device().msix->pending);
	Span best{0, 0};
	Span run{region().offset / page_size, region().offset / page_size};
	for (auto page = run.first; page < region().end() / page_size; page++) {
		if (table.contains(page) || pending.contains(page))
			run.first = page + 1;
		run.end = page + 1;
		if (run.size() > best.size())
			best = run;
	}
	if (best.empty())
		return {};
	return fmt::format("{}@{}+{}", region().bar, format_byte_size(best.first * page_size),
		format_byte_size(best.size() * page_size));
}

// The module reserves what it grants, so it refuses what is reserved; a bound driver lends its own.
void RegionCheck::check_claims()
{
	for (const auto& claim : devices_.claims(region().sbdf)) {
		if (device().has_active_driver() && !is_of_firmware(claim.owner))
			continue;
		const auto common = addresses().common(
			{page_round_down(claim.first), page_round_up(claim.end)});
		if (common.empty())
			continue;
		const auto pages = pages_at(common);
		add(kind::region_busy,
			fmt::format("{} reserved by '{}' in dom0, which is no driver of the device",
				with_verb(pages, "is", "are"), claim.owner),
			"choose pages that /proc/iomem shows nothing in")
			.with("bdf", bdf_)
			.with("owner", claim.owner);
		only(pages);
	}
}

void RegionCheck::check_mirror()
{
	for (const auto& mirror : config_mirrors(device())) {
		if (mirror.bar != region().bar)
			continue;
		const auto start = bar().address + mirror.offset;
		const auto common = addresses().common(
			{page_round_down(start), page_round_up(start + mirror.length)});
		if (common.empty())
			continue;
		const auto pages = pages_at(common);
		add(kind::config_mirror,
			fmt::format(
				"{} configuration space of this {} as well; {} could turn on bus "
				"mastering and move BARs there",
				with_verb(pages, "reaches", "reach"), mirror.family, guest_),
			"choose other pages, or --allow=config-mirror")
			.with("bdf", bdf_)
			.with("family", std::string(mirror.family));
		only(pages);
	}
}

void RegionCheck::check_shared_pages()
{
	const auto before = findings.size();
	const auto wanted = addresses();
	for (const auto& other : devices_.pages()) {
		if (other.sbdf == region().sbdf && other.bar == region().bar)
			continue;
		const auto common = wanted.common({other.first_page, other.end_page});
		if (!common.empty())
			add_shared(other, common);
	}
	// The rest of a page behind a small BAR can be reserved, but not what is before it.
	if (findings.size() == before && bar().address != bar().first_page())
		add(kind::shared_page,
			fmt::format(
				"BAR{} ({}) begins in the middle of page {:#x}; what is before it "
				"cannot be kept free",
				region().bar, describe_byte_size(bar().size), bar().first_page()),
			shared_page_hint())
			.with("bdf", bdf_)
			.with("address", fmt::format("{:#x}", bar().first_page()));
}

// Linux keeps the device's decoding off when it moves a BAR of it.
std::string RegionCheck::shared_page_hint() const
{
	return fmt::format(
		"boot dom0 with pci=resource_alignment=12@{0} and turn decoding on again "
		"(setpci -s {0} COMMAND=2:2), or --allow=shared-page",
		bdf_);
}

void RegionCheck::add_shared(const PciPages& other, const Span& common)
{
	const auto name = other.bar < 6 ? fmt::format("BAR{}", other.bar) : "ROM";
	const auto message = other.given_up
				     ? fmt::format("{} {} may still answer at {:#x}, which the "
						   "kernel has given to BAR{}",
					       other.sbdf.str(), name, common.first, region().bar)
				     : fmt::format("BAR{} ({}) shares page {:#x} with {} {}; "
						   "granting it would expose that "
						   "{}",
					       region().bar, describe_byte_size(bar().size),
					       common.first, other.sbdf.str(), name,
					       other.sbdf == region().sbdf ? "range" : "device");
	add(kind::shared_page, message,
		other.given_up ? fmt::format("turn its decoding off (setpci -s {} COMMAND=0:2), or "
					     "--allow=shared-page",
					 other.sbdf.str())
			       : shared_page_hint())
		.with("bdf", bdf_)
		.with("other_bdf", other.sbdf.str())
		.with("other_bar", name)
		.with("address", fmt::format("{:#x}", common.first));
	only(pages_at(common));
}

} // namespace iomemgrant
