// SPDX-License-Identifier: LGPL-2.1-or-later
#include "refusals.h"

#include <algorithm>

#include <fmt/format.h>

namespace iomemgrant::refusal
{

namespace
{

// "page 4", "pages 4-5"
std::string pages(std::uint64_t first, std::uint64_t end)
{
	const auto last = (end - 1) / page_size;
	if (first / page_size == last)
		return fmt::format("page {}", last);
	return fmt::format("pages {}-{}", first / page_size, last);
}

// The part of the BAR beside @part that is worth proposing: the larger side.
std::string beside(const Bar& bar, std::uint64_t first, std::uint64_t end)
{
	const auto after = bar.window_size() - end;
	if (!first && !after)
		return "";
	if (first >= after)
		return fmt::format("{}@0+{}", bar.index, format_byte_size(first));
	return fmt::format("{}@{}+{}", bar.index, format_byte_size(end), format_byte_size(after));
}

} // namespace

Error overlap(const Candidate& wanted, const Grant& existing, const std::string& holder)
{
	const auto first = std::max(wanted.region.offset, existing.region.offset);
	const auto end = std::min(wanted.region.end(), existing.region.end());
	const bool one = end - first == page_size;
	return Error(kind::overlap,
		fmt::format("{} of BAR{} {} already granted to {} ({})", pages(first, end),
			wanted.region.bar, one ? "is" : "are", holder, existing.id.str()),
		fmt::format("revoke {} or choose another range", existing.id.str()))
		.with("bdf", wanted.region.sbdf.str())
		.with("grant", existing.id.str());
}

Error driver_bound(const PciDevice& device)
{
	return Error(kind::driver_bound,
		fmt::format("{} is driven by '{}' in dom0", device.sbdf.str(), device.driver),
		"unbind it, or --allow=driver-bound to share")
		.with("bdf", device.sbdf.str())
		.with("driver", device.driver);
}

Error dma_capable(const PciDevice& device, const DomainInfo& domain)
{
	return Error(kind::dma_capable,
		fmt::format("{} can do DMA (bus master on); write access may let {} read and write "
			    "all of dom0's memory",
			device.sbdf.str(), short_name(domain)),
		"grant only doorbell pages and pass --allow=dma-capable")
		.with("bdf", device.sbdf.str());
}

Error decode_off(const PciDevice& device)
{
	const auto sysfs = fmt::format("/sys/bus/pci/devices/{}", device.sbdf.str());
	return Error(kind::decode_off,
		fmt::format("memory decoding is off (device in {}); reads would return 0xff..",
			device.power_state),
		device.power_state.starts_with("D3")
			? fmt::format("echo on > {}/power/control", sysfs)
			: fmt::format("echo 1 > {}/enable", sysfs))
		.with("bdf", device.sbdf.str())
		.with("power_state", device.power_state);
}

Error msix(const Candidate& wanted, const MsixPart& part)
{
	const auto first = page_round_down(part.offset);
	const auto end = page_round_up(part.offset + part.length);
	const auto rest = beside(wanted.bar(), first, end);
	const auto hit = std::max(first, wanted.region.offset);
	const auto hit_end = std::min(end, wanted.region.end());
	return Error(kind::msix_table,
		fmt::format("{} of BAR{} {} the {}; Xen keeps it read-only and a guest write would "
			    "crash the guest",
			pages(hit, hit_end), part.bar, hit_end - hit > page_size ? "hold" : "holds",
			part.what),
		rest.empty() ? "choose another BAR or use --read-only --allow=msix-table"
			     : fmt::format("exclude it ({}) or use --read-only --allow=msix-table",
				       rest))
		.with("bdf", wanted.region.sbdf.str());
}

Error shared_page(const Candidate& wanted, const Sbdf& other, unsigned other_bar)
{
	return Error(kind::shared_page,
		fmt::format("BAR{} ({}) shares page {:#x} with {} BAR{}; granting it would expose "
			    "that device",
			wanted.region.bar, describe_byte_size(wanted.bar().size),
			page_round_down(wanted.address()), other.str(), other_bar),
		"boot dom0 with pci=resource_alignment=..., or --allow=shared-page")
		.with("bdf", wanted.region.sbdf.str())
		.with("other", other.str());
}

Error shared_page(const Candidate& wanted)
{
	return Error(kind::shared_page,
		fmt::format("BAR{} ({}) shares page {:#x} with something else; granting it would "
			    "expose that",
			wanted.region.bar, describe_byte_size(wanted.bar().size),
			page_round_down(wanted.address())),
		"boot dom0 with pci=resource_alignment=..., or --allow=shared-page")
		.with("bdf", wanted.region.sbdf.str());
}

Error critical_device(const PciDevice& device, const std::string& why)
{
	return Error(kind::critical_device,
		fmt::format("{} is {}; the host itself depends on it", device.sbdf.str(), why),
		"pass --allow=critical-device if you are sure")
		.with("bdf", device.sbdf.str());
}

Error xen_reserved(std::uint64_t address, const std::string& owner)
{
	return Error(kind::xen_reserved,
		fmt::format("{:#x} belongs to the {}, which Xen never lends", address, owner));
}

Error gnttab_full(const Candidate& wanted, const Situation& situation, const DomainInfo& domain)
{
	const auto& table = situation.grant_table;
	const auto per_frame = refs_per_frame(situation.module.gnttab_version);
	const auto free = std::uint64_t{table.max_frames - std::min(table.nr_frames, table.max_frames)} *
		per_frame;
	const auto refs = wanted.region.nr_pages();
	const auto frames = table.max_frames + (refs + per_frame - 1) / per_frame;
	const auto maptrack = (refs + 255) / 256;
	auto hint = fmt::format("boot Xen with gnttab_max_frames={}", frames);
	// Xen's default for a guest; fewer never need setting.
	if (maptrack > 1024)
		hint += fmt::format(", and set max_maptrack_frames={} in {}'s config", maptrack,
			short_name(domain));
	return {kind::gnttab_full,
		fmt::format("{} needs {} grant refs; dom0 has {} free (gnttab_max_frames={})",
			describe_byte_size(wanted.region.length), refs, free, table.max_frames),
		hint};
}

Error too_many_pages(const Candidate& wanted, const ModuleInfo& module)
{
	return {kind::module_limit,
		fmt::format("{} are {} pages; the module grants at most {} at once",
			describe_byte_size(wanted.region.length), wanted.region.nr_pages(),
			module.max_pages),
		fmt::format("echo {} > /sys/module/xen_iomemgrant/parameters/max_pages",
			wanted.region.nr_pages())};
}

Error too_many_refs(const Candidate& wanted, const ModuleInfo& module)
{
	return {kind::module_limit,
		fmt::format("{} needs {} grant refs; the module holds {} of at most {}",
			describe_byte_size(wanted.region.length), wanted.region.nr_pages(),
			module.nr_refs, module.max_refs),
		fmt::format("echo {} > /sys/module/xen_iomemgrant/parameters/max_refs",
			module.nr_refs + wanted.region.nr_pages())};
}

Error frame_too_wide(const Candidate& wanted)
{
	return {kind::frame_too_wide,
		fmt::format("BAR{} lies at {:#x}, above the 16 TiB that grant table version 1 can name",
			wanted.region.bar, wanted.bar().address),
		"boot dom0 with grant_table.version=2 and Xen with gnttab=max-ver:2"};
}

Error no_hypervisor_support(Hypervisor& hypervisor)
{
	return {kind::no_hv_support,
		fmt::format("hypervisor cannot grant MMIO (GNTMAP_iomem_map unsupported by Xen {})",
			hypervisor.info().version),
		"install the patched Xen, or --method=domctl"};
}

} // namespace iomemgrant::refusal
