// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/safety.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iomemgrant/byte_size.h>

namespace iomemgrant
{

namespace
{

/// A half-open range of addresses or of page numbers of a BAR.
struct Span {
	std::uint64_t first;
	std::uint64_t end;

	bool empty() const { return first >= end; }
	bool contains(std::uint64_t value) const { return first <= value && value < end; }
	std::uint64_t size() const { return empty() ? 0 : end - first; }
	Span common(const Span& other) const
	{
		return {std::max(first, other.first), std::min(end, other.end)};
	}
};

/// One request being examined; each check adds what it finds.
class Examination
{
public:
	Examination(const PciDevices& devices, const Region& region, std::string_view grantee)
		: devices_(devices), device_(devices.read(region.sbdf)),
		  bar_(device_.bar(region.bar)), region_(region), grantee_(grantee),
		  bdf_(region.sbdf.str())
	{
	}

	/// What leaves nothing to ask further.
	std::vector<Hazard> absent();
	std::vector<Hazard> run();

private:
	void check_bar();
	void check_range();

	void check_reserved();
	void check_msix();
	void check_dma();
	void check_shared_pages();
	void add_shared(const PciPages& other, const Span& common);
	std::string shared_page_hint() const;
	void check_critical();
	void check_driver();
	void check_decode();
	void check_capabilities();

	std::uint64_t bar_bytes() const { return bar_.nr_pages() * page_size; }
	Span addresses() const
	{
		return {bar_.first_page() + region_.offset, bar_.first_page() + region_.end()};
	}
	Span msix_pages(const MsixRange& range) const;
	void add_msix(std::string_view what, const Span& pages);
	std::string clear_of_msix() const;
	std::string memory_bars() const;
	Error& add(ErrorKind kind, const std::string& message, std::string hint = {});
	/// The last finding is about these pages of the BAR only.
	void only(const Span& pages);
	Span pages_at(const Span& addresses) const;

	const PciDevices& devices_;
	const PciDevice& device_;
	const PciBar& bar_;
	const Region& region_;
	std::string_view grantee_;
	std::string bdf_;
	std::vector<Hazard> found_;
};

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
	check_reserved();
	check_msix();
	check_dma();
	check_shared_pages();
	check_critical();
	check_driver();
	check_decode();
	check_capabilities();
	return std::move(found_);
}

void Examination::check_bar()
{
	switch (bar_.type) {
	case PciBar::Type::absent:
		add(kind::no_bar, fmt::format("{} has no BAR{}", bdf_, region_.bar), memory_bars());
		return;
	case PciBar::Type::io:
		add(kind::bar_io,
			fmt::format("{} BAR{} is an I/O port range, not memory", bdf_, region_.bar),
			memory_bars());
		return;
	case PciBar::Type::upper_half:
		add(kind::bar_upper_half, fmt::format("{} BAR{} is the upper half of 64-bit BAR{}",
						  bdf_, region_.bar, region_.bar - 1));
		return;
	case PciBar::Type::memory:
		break;
	}
	if (bar_.unassigned)
		add(kind::bar_unassigned,
			fmt::format("BAR{} has no address (firmware or kernel did not assign it)",
				region_.bar),
			fmt::format("dmesg | grep \"BAR {}\"", region_.bar));
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
	if (region_.end() > bar_bytes())
		add(kind::range_past_end,
			fmt::format("{:#x}+{:#x} ends at {:#x}, past BAR{}'s {:#x} bytes",
				region_.offset, region_.length, region_.end(), region_.bar,
				bar_.size));
}

void Examination::check_reserved()
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

Span Examination::msix_pages(const MsixRange& range) const
{
	if (range.bar != region_.bar)
		return {0, 0};
	// Offsets of the specification count from the BAR, those of a region from its first page.
	const auto start = bar_.address - bar_.first_page() + range.offset;
	const Span pages{start / page_size, page_round_up(start + range.length) / page_size};
	return pages.common({region_.offset / page_size, region_.end() / page_size});
}

void Examination::check_msix()
{
	if (!device_.msix)
		return;
	const auto table = msix_pages(device_.msix->table);
	const auto pending = msix_pages(device_.msix->pending);
	add_msix("MSI-X table", table);
	// One refusal a page is enough.
	if (pending.common(table).size() < pending.size())
		add_msix("MSI-X pending bits", pending);
}

void Examination::add_msix(std::string_view what, const Span& pages)
{
	if (pages.empty())
		return;
	const auto which = pages.size() == 1
				   ? fmt::format("page {} of BAR{} holds", pages.first, region_.bar)
				   : fmt::format("pages {}-{} of BAR{} hold", pages.first,
					     pages.end - 1, region_.bar);
	const auto them = pages.size() == 1 ? "it" : "them";
	const auto rest = clear_of_msix();
	add(kind::msix_table,
		fmt::format(
			"{} the {}; Xen keeps {} read-only and a guest write would crash the guest",
			which, what, them),
		fmt::format("{}; no --allow lifts this",
			rest.empty() ? "choose another range"
				     : fmt::format("exclude {} ({})", them, rest)))
		.with("bdf", bdf_)
		.with("bar", std::to_string(region_.bar))
		.with("what", std::string(what))
		.with("first_page", std::to_string(pages.first))
		.with("pages", std::to_string(pages.size()));
	only(pages);
}

// The longest part of the region that keeps clear of MSI-X, as the user would write it.
std::string Examination::clear_of_msix() const
{
	const auto table = msix_pages(device_.msix->table);
	const auto pending = msix_pages(device_.msix->pending);
	Span best{0, 0};
	Span run{region_.offset / page_size, region_.offset / page_size};
	for (auto page = run.first; page < region_.end() / page_size; page++) {
		if (table.contains(page) || pending.contains(page))
			run.first = page + 1;
		run.end = page + 1;
		if (run.size() > best.size())
			best = run;
	}
	if (best.empty())
		return {};
	return fmt::format("{}@{}+{}", region_.bar, format_byte_size(best.first * page_size),
		format_byte_size(best.size() * page_size));
}

void Examination::check_dma()
{
	if (!device_.bus_master)
		return;
	add(kind::dma_capable,
		fmt::format("{} can do DMA (bus master on); write access may let {} read and write "
			    "all of dom0's memory",
			bdf_, grantee_),
		"grant only doorbell pages and pass --allow=dma-capable")
		.with("bdf", bdf_);
}

void Examination::check_shared_pages()
{
	const auto before = found_.size();
	const auto wanted = addresses();
	for (const auto& other : devices_.pages()) {
		if (other.sbdf == region_.sbdf && other.bar == region_.bar)
			continue;
		const auto common = wanted.common({other.first_page, other.end_page});
		if (!common.empty())
			add_shared(other, common);
	}
	// The rest of a page behind a small BAR can be reserved, but not what is before it.
	if (found_.size() == before && bar_.address != bar_.first_page())
		add(kind::shared_page,
			fmt::format("BAR{} ({}) begins in the middle of page {:#x}; what is before it "
				    "cannot be kept free",
				region_.bar, describe_byte_size(bar_.size), bar_.first_page()),
			shared_page_hint())
			.with("bdf", bdf_)
			.with("address", fmt::format("{:#x}", bar_.first_page()));
}

std::string Examination::shared_page_hint() const
{
	return fmt::format(
		"boot dom0 with pci=resource_alignment=12@{}, or --allow=shared-page", bdf_);
}

void Examination::add_shared(const PciPages& other, const Span& common)
{
	const auto name = other.bar < 6 ? fmt::format("BAR{}", other.bar) : "ROM";
	add(kind::shared_page,
		fmt::format(
			"BAR{} ({}) shares page {:#x} with {} {}; granting it would expose that {}",
			region_.bar, describe_byte_size(bar_.size), common.first, other.sbdf.str(),
			name, other.sbdf == region_.sbdf ? "range" : "device"),
		shared_page_hint())
		.with("bdf", bdf_)
		.with("other_bdf", other.sbdf.str())
		.with("address", fmt::format("{:#x}", common.first));
	only(pages_at(common));
}

void Examination::check_critical()
{
	std::string_view what;
	if (device_.class_code >> 16 == 0x06)
		what = "a bridge";
	else if (device_.class_code >> 8 == 0x0806)
		what = "an IOMMU";
	else if (device_.class_code >> 16 == 0x08)
		what = "a system peripheral";
	else if (device_.boot_vga)
		what = "the boot display";
	if (what.empty())
		return;
	add(kind::critical_device,
		fmt::format("{} is {}; the host itself depends on it", bdf_, what),
		"pass --allow=critical-device if you are sure")
		.with("bdf", bdf_);
}

void Examination::check_driver()
{
	if (!device_.has_active_driver())
		return;
	add(kind::driver_bound, fmt::format("{} is driven by '{}' in dom0", bdf_, *device_.driver),
		"unbind it, or --allow=driver-bound to share")
		.with("bdf", bdf_)
		.with("driver", *device_.driver);
}

void Examination::check_decode()
{
	const auto asleep = device_.power_state.starts_with("D") && device_.power_state != "D0";
	if (device_.memory_decode && !asleep)
		return;
	const auto folder = fmt::format("/sys/bus/pci/devices/{}", bdf_);
	add(kind::decode_off,
		fmt::format("memory decoding is off (device in {}); reads would return 0xff..",
			device_.power_state),
		asleep ? fmt::format("echo on > {}/power/control", folder)
		       : fmt::format("echo 1 > {}/enable", folder))
		.with("bdf", bdf_)
		.with("power_state", device_.power_state);
}

// What cannot be seen cannot be called safe.
void Examination::check_capabilities()
{
	if (device_.capabilities_known)
		return;
	add(kind::permission,
		fmt::format("the capabilities of {} cannot be read; an MSI-X table may be anywhere "
			    "in it",
			bdf_),
		"run as root, with the device in D0")
		.with("bdf", bdf_);
}

std::string Examination::memory_bars() const
{
	const auto found = device_.memory_bars();
	if (found.empty())
		return "this device has no memory BAR";
	return fmt::format("memory BARs: {}", fmt::join(found, ", "));
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

} // namespace

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

std::vector<Error> unsafe(const PciDevices& devices, const Region& region, const AllowSet& allow,
	std::string_view grantee)
{
	std::vector<Error> found;
	for (auto& hazard : hazards(devices, region, grantee)) {
		const auto refusal = hazard.error.kind();
		if (refusal == kind::msix_table || !allow.lifts(refusal))
			found.push_back(std::move(hazard.error));
	}
	return found;
}

} // namespace iomemgrant
