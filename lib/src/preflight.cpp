// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/preflight.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "refusals.h"

namespace iomemgrant
{

namespace
{

// Machine addresses of x86 that Xen keeps for itself whatever a BAR says.
struct Reserved {
	std::uint64_t address;
	std::uint64_t size;
	const char* owner;
};
constexpr Reserved reserved[] = {
	{0xfec00000, 0x1000, "I/O APIC"},
	{0xfee00000, 0x1000, "local APIC"},
};

std::string memory_bars_hint(const PciDevice& device)
{
	const auto bars = device.memory_bars();
	return bars.empty() ? "it has no memory BAR"
			    : fmt::format("memory BARs: {}", fmt::join(bars, ", "));
}

void require_memory(const PciDevice& device, unsigned index)
{
	const auto& bar = device.bars[index];
	const auto name = fmt::format("{} BAR{}", device.sbdf.str(), index);
	switch (bar.kind) {
	case Bar::Kind::memory:
		break;
	case Bar::Kind::io:
		throw Error(kind::bar_io, fmt::format("{} is an I/O port range, not memory", name),
			memory_bars_hint(device));
	case Bar::Kind::upper_half:
		throw Error(kind::bar_upper_half,
			fmt::format("{} is the upper half of 64-bit BAR{}", name, index - 1),
			memory_bars_hint(device));
	case Bar::Kind::none:
		throw Error(kind::no_bar, fmt::format("{} has no BAR{}", device.sbdf.str(), index),
			memory_bars_hint(device));
	}
	if (bar.unassigned)
		throw Error(kind::bar_unassigned,
			fmt::format("BAR{} has no address (firmware or kernel did not assign it)",
				index),
			fmt::format("dmesg | grep \"BAR {}\"", index))
			.with("bdf", device.sbdf.str());
}

Error past_end(const RegionSpec& spec, const Bar& bar)
{
	const auto size = bar.window_size();
	if (!spec.length)
		return {kind::range_past_end,
			fmt::format("offset {:#x} is past BAR{}'s {:#x} bytes", spec.offset, spec.bar,
				size)};
	return {kind::range_past_end,
		fmt::format("{:#x}+{:#x} ends at {:#x}, past BAR{}'s {:#x} bytes", spec.offset,
			*spec.length, spec.offset + *spec.length, spec.bar, size)};
}

bool intersects(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/// Collects what speaks against one candidate.
class Judge
{
public:
	Judge(Host& host, const Situation& situation, Domains& domains, const Candidate& candidate,
		const DomainInfo& domain, const AllowSet& allow)
		: host_(host), situation_(situation), domains_(domains), candidate_(candidate),
		  domain_(domain), allow_(allow)
	{
	}

	std::vector<Finding> findings()
	{
		// What nothing lifts comes first: naming an override would not help then.
		reserved_by_xen();
		interrupt_tables();
		granted_already();
		limits();
		critical();
		if (candidate_.device.has_active_driver())
			add(refusal::driver_bound(candidate_.device));
		if (candidate_.device.bus_master)
			add(refusal::dma_capable(candidate_.device, domain_));
		if (!candidate_.device.memory_decoding)
			add(refusal::decode_off(candidate_.device));
		neighbours();
		return std::move(findings_);
	}

private:
	void add(Error error)
	{
		// An override of the MSI-X check is meant for read-only grants, which there are not.
		const bool lifted =
			error.kind() != kind::msix_table && allow_.lifts(error.kind());
		findings_.push_back({std::move(error), lifted});
	}

	void reserved_by_xen()
	{
		for (const auto& range : reserved) {
			if (intersects(candidate_.address(), candidate_.region.length, range.address,
				    range.size))
				add(refusal::xen_reserved(range.address, range.owner));
		}
	}

	void interrupt_tables()
	{
		for (const auto& part : candidate_.device.msix) {
			const auto first = page_round_down(part.offset);
			const auto length = page_round_up(part.offset + part.length) - first;
			if (part.bar == candidate_.region.bar &&
				intersects(candidate_.region.offset, candidate_.region.length, first,
					length))
				add(refusal::msix(candidate_, part));
		}
	}

	void granted_already()
	{
		for (const auto& grant : situation_.grants) {
			if (!grant.region.overlaps(candidate_.region))
				continue;
			const auto holder = domains_.find(grant.domid);
			auto error = refusal::overlap(candidate_, grant,
				holder ? short_name(*holder)
				       : fmt::format("d{}", grant.domid.value()));
			// Sharing is between domains; nobody gets the same page twice.
			const bool lifted =
				allow_.has(AllowClass::overlap) && grant.domid != domain_.id;
			findings_.push_back({std::move(error), lifted});
		}
	}

	void limits()
	{
		const auto& module = situation_.module;
		const auto& table = situation_.grant_table;
		const auto refs = candidate_.region.nr_pages() + situation_.other_refs;
		const auto last = candidate_.address() + candidate_.region.length - 1;
		if (module.gnttab_version == 1 && last >> 12 > 0xffffffff)
			add(refusal::frame_too_wide(candidate_));
		// Free entries of pages in use are not visible from here, so a request is only
		// refused when it could not fit into an empty table either.
		if (table.max_frames && refs > std::uint64_t{table.max_frames} *
				refs_per_frame(module.gnttab_version))
			add(refusal::gnttab_full(candidate_, situation_, domain_));
		else if (module.max_pages && candidate_.region.nr_pages() > module.max_pages)
			add(refusal::too_many_pages(candidate_, module));
		else if (module.max_refs && module.nr_refs + refs > module.max_refs)
			add(refusal::too_many_refs(candidate_, module));
	}

	void critical()
	{
		const auto base = candidate_.device.class_code >> 16;
		const auto sub = candidate_.device.class_code >> 8;
		if (base == 0x06)
			add(refusal::critical_device(candidate_.device, "a bridge"));
		else if (sub == 0x0806)
			add(refusal::critical_device(candidate_.device, "an IOMMU"));
		else if (base == 0x08)
			add(refusal::critical_device(candidate_.device, "a system peripheral"));
	}

	// A BAR that does not fill its pages may have neighbours in them.
	void neighbours()
	{
		const auto& bar = candidate_.bar();
		if (bar.address % page_size == 0 && bar.size % page_size == 0)
			return;
		for (const auto sbdf : host_.pci.devices()) {
			for (const auto& other : host_.pci.bars(sbdf)) {
				const bool itself = sbdf == candidate_.device.sbdf &&
					other.index == bar.index;
				if (itself || other.kind != Bar::Kind::memory || other.unassigned ||
					!intersects(candidate_.address(), candidate_.region.length,
						other.address, other.size))
					continue;
				add(refusal::shared_page(candidate_, sbdf, other.index));
				return;
			}
		}
	}

	Host& host_;
	const Situation& situation_;
	Domains& domains_;
	const Candidate& candidate_;
	const DomainInfo& domain_;
	const AllowSet& allow_;
	std::vector<Finding> findings_;
};

} // namespace

Candidate locate(const PciBus& pci, const RegionSpec& spec)
{
	auto device = pci.device(spec.sbdf);
	if (!device) {
		const auto near = pci.similar(spec.sbdf);
		throw Error(kind::no_device,
			fmt::format("no PCI device {} in this domain", spec.sbdf.str()),
			near ? fmt::format("did you mean {}? xen-iomemgrant bars", near->str())
			     : "xen-iomemgrant bars")
			.with("bdf", spec.sbdf.str());
	}
	require_memory(*device, spec.bar);
	const auto size = device->bars[spec.bar].window_size();
	if (spec.offset >= size || spec.length.value_or(0) > size - spec.offset)
		throw past_end(spec, device->bars[spec.bar]);
	const Region region{
		spec.sbdf, spec.bar, spec.offset, spec.length.value_or(size - spec.offset)};
	return {std::move(*device), region};
}

Situation survey(Host& host)
{
	return {host.device.info(), host.device.list(), host.hypervisor.grant_table(host.self), 0};
}

std::vector<Finding> judge(Host& host, const Situation& situation, Domains& domains,
	const Candidate& candidate, const DomainInfo& domain, const AllowSet& allow)
{
	return Judge(host, situation, domains, candidate, domain, allow).findings();
}

std::uint32_t refs_per_frame(std::uint32_t gnttab_version)
{
	return gnttab_version == 2 ? 256 : 512;
}

Error explain_refusal(Host& host, Domains& domains, const Error& error, const Candidate& candidate,
	const DomainInfo& domain)
{
	const auto& region = candidate.region;
	const auto bar = fmt::format("{} BAR{}", region.sbdf.str(), region.bar);
	switch (error.os_error()) {
	case EEXIST:
		for (const auto& grant : host.device.list()) {
			if (!grant.region.overlaps(region))
				continue;
			const auto holder = domains.find(grant.domid);
			return refusal::overlap(candidate, grant,
				holder ? short_name(*holder)
				       : fmt::format("d{}", grant.domid.value()));
		}
		return {kind::overlap, fmt::format("pages of {} are already granted", bar),
			"xen-iomemgrant list"};
	case EBUSY:
		if (candidate.device.has_active_driver())
			return refusal::driver_bound(candidate.device);
		return {kind::region_busy,
			fmt::format("{} is in use by another driver or assigned to a guest", bar),
			"see /proc/iomem and xl pci-assignable-list"};
	case EACCES:
		return refusal::dma_capable(candidate.device, domain);
	case EHOSTDOWN:
		return refusal::decode_off(candidate.device);
	case EPERM:
		for (const auto& part : candidate.device.msix) {
			if (part.bar == region.bar)
				return refusal::msix(candidate, part);
		}
		return {kind::permission, "the kernel does not let this user grant device memory",
			"CAP_SYS_RAWIO is needed, and a kernel that is not locked down"};
	case ENOTUNIQ:
		return refusal::shared_page(candidate);
	case EOVERFLOW:
		return refusal::frame_too_wide(candidate);
	case EADDRNOTAVAIL:
		return {kind::not_mmio,
			fmt::format("{:#x} is not device memory", candidate.address())};
	case EFBIG:
		return refusal::too_many_pages(candidate, host.device.info());
	case EDQUOT:
		return refusal::too_many_refs(candidate, host.device.info());
	case ENOSPC:
		return refusal::gnttab_full(candidate, survey(host), domain);
	case ESRCH:
		return {kind::no_domain, fmt::format("domain {} is gone", describe(domain))};
	case ENODEV:
		return {kind::no_device,
			fmt::format("no PCI device {} in this domain", region.sbdf.str()),
			"xen-iomemgrant bars"};
	case ENXIO:
		return {kind::bar_unassigned,
			fmt::format("BAR{} has no address (firmware or kernel did not assign it)",
				region.bar),
			fmt::format("dmesg | grep \"BAR {}\"", region.bar)};
	case EOPNOTSUPP:
		return refusal::no_hypervisor_support(host.hypervisor);
	default:
		return error;
	}
}

} // namespace iomemgrant
