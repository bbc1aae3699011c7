// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/check/random_devices.h"

#include <algorithm>

namespace iomemgrant
{

namespace
{

constexpr std::uint64_t page = 4096;

bool meet(std::uint64_t start, std::uint64_t end, std::uint64_t other, std::uint64_t other_end)
{
	return start < other_end && other < end;
}

std::uint64_t align(std::uint64_t value, std::uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

} // namespace

RandomDevices::Bar RandomDevices::make_bar(Dice& dice, bool may_be_wide)
{
	Bar bar;
	const auto roll = dice.below(10);
	if (roll < 3)
		return bar;
	bar.kind = roll == 3   ? Bar::Kind::io
		   : roll == 4 ? Bar::Kind::unassigned
			       : Bar::Kind::memory;
	// 128 bytes to 64 KiB, or some GiB where there is room for it.
	bar.size = 128ULL << dice.below(10);
	if (bar.kind == Bar::Kind::io) {
		bar.size = 32;
		bar.start = 0xc000;
		return bar;
	}
	bar.wide = may_be_wide && dice.one_in(2);
	if (bar.kind == Bar::Kind::unassigned)
		return bar;
	auto& next = bar.wide ? next_wide_ : next_;
	if (bar.wide && dice.one_in(4))
		bar.size = 1ULL << (30 + dice.below(4));
	// Above the 16 TiB of a version 1 table, now and then.
	if (bar.wide && dice.one_in(8))
		next = std::max<std::uint64_t>(next, 0x100000000000);
	if (!bar.wide && dice.one_in(16))
		next = std::max<std::uint64_t>(next, 0xfee00000);
	bar.start = align(next, bar.size);
	next = bar.start + bar.size;
	return bar;
}

RandomDevices::RandomDevices(Dice& dice)
{
	const auto nr = 1 + dice.below(4);
	for (std::uint8_t i = 0; i < nr; i++) {
		Device device;
		device.sbdf = {0, 3, i, 0};
		for (unsigned index = 0; index < 6; index++) {
			device.bars[index] = make_bar(dice, index < 5);
			if (device.bars[index].wide)
				index++;
		}
		device.command = static_cast<std::uint16_t>(
			(dice.one_in(6) ? 0 : 2) | (dice.one_in(4) ? 4 : 0));
		device.class_code = dice.one_in(8) ? 0x060400 : 0x00ff00;
		device.driver = dice.one_in(4) ? "i40e" : dice.one_in(4) ? "pciback" : "";
		device.asleep = dice.one_in(10);
		device.has_msix = dice.one_in(3);
		device.msix_bar = dice.below(6);
		device.vectors = 1 + dice.below(600);
		device.table = 8 * dice.below(0x1000);
		device.pending = 8 * dice.below(0x1000);
		devices_.push_back(device);
	}
}

void RandomDevices::write(PciTree& tree) const
{
	for (const auto& device : devices_) {
		auto folder = tree.add(device.sbdf.str());
		for (unsigned index = 0; index < 6; index++) {
			const auto& bar = device.bars[index];
			switch (bar.kind) {
			case Bar::Kind::none:
				break;
			case Bar::Kind::io:
				folder.io(index, bar.start, bar.size);
				break;
			case Bar::Kind::unassigned:
				folder.unassigned(index, bar.size);
				break;
			case Bar::Kind::memory:
				if (bar.wide)
					folder.memory64(index, bar.start, bar.size);
				else
					folder.memory(index, bar.start, bar.size);
			}
		}
		folder.command(device.command).class_code(device.class_code);
		if (!device.driver.empty())
			folder.driver(device.driver);
		if (device.asleep)
			folder.file("power_state", "D3hot\n");
		if (device.has_msix)
			folder.msix(device.vectors, device.msix_bar, device.table, device.msix_bar,
				device.pending);
	}
}

const RandomDevices::Device& RandomDevices::at(const Sbdf& sbdf) const
{
	return *std::find_if(devices_.begin(), devices_.end(),
		[&](const Device& device) { return device.sbdf == sbdf; });
}

bool RandomDevices::touches_msix(
	const Device& device, unsigned bar, std::uint64_t start, std::uint64_t end) const
{
	if (!device.has_msix)
		return false;
	// What cannot be located may be anywhere.
	const auto kind = device.bars[device.msix_bar].kind;
	if (kind != Bar::Kind::memory && kind != Bar::Kind::unassigned)
		return true;
	if (device.msix_bar != bar)
		return false;
	const auto meets = [&](std::uint64_t offset, std::uint64_t length) {
		const auto from = device.bars[bar].start + offset;
		return meet(start, end, from & ~(page - 1), align(from + length, page));
	};
	return meets(device.table, device.vectors * 16ULL) ||
	       meets(device.pending, (device.vectors + 63) / 64 * 8ULL);
}

bool RandomDevices::touches_other(
	const Device& device, unsigned bar, std::uint64_t start, std::uint64_t end) const
{
	for (const auto& other : devices_) {
		for (unsigned index = 0; index < 6; index++) {
			const auto& found = other.bars[index];
			if (!found.usable() || (other.sbdf == device.sbdf && index == bar))
				continue;
			if (meet(start, end, found.start, found.start + found.size))
				return true;
		}
	}
	return false;
}

std::optional<GrantRefused::Reason> RandomDevices::refuse(const GrantRequest& request,
	const std::vector<Grant>& grants, const ModuleInfo& module) const
{
	using Reason = GrantRefused::Reason;
	const auto& region = request.region;
	const auto& device = at(region.sbdf);
	const auto& bar = device.bars[region.bar];
	const auto allowed = [&](AllowClass name) { return request.allow.has(name); };

	if (region.nr_pages() > module.max_pages)
		return Reason::too_many_pages;
	if (!bar.usable())
		return Reason::bar_unassigned;
	if (region.offset + region.length > bar.end_page() - bar.first_page())
		return Reason::bar_unassigned;
	const auto start = bar.first_page() + region.offset;
	const auto end = start + region.length;
	if (module.gnttab_version == 1 && (end - 1) >> 12 > 0xffffffff)
		return Reason::frame_too_wide;
	if (touches_msix(device, region.bar, start, end))
		return Reason::permission;
	const bool active = !device.driver.empty() && device.driver != "pciback";
	if (active && !allowed(AllowClass::driver_bound))
		return Reason::busy_bar;
	const bool whole = bar.start == bar.first_page() && bar.start + bar.size == bar.end_page();
	if (!whole && !allowed(AllowClass::shared_page) &&
		(bar.start != bar.first_page() ||
			touches_other(device, region.bar, bar.start + bar.size, bar.end_page())))
		return Reason::shared_page;
	if (!(device.command & 2) && !allowed(AllowClass::decode_off))
		return Reason::decode_off;
	if (device.command & 4 && !allowed(AllowClass::dma_capable))
		return Reason::dma_capable;
	for (const auto& grant : grants) {
		const auto& held = at(grant.region.sbdf).bars[grant.region.bar];
		const auto from = held.first_page() + grant.region.offset;
		if (meet(start, end, from, from + grant.region.length) &&
			(grant.domid == request.domid || !allowed(AllowClass::overlap)))
			return Reason::granted_already;
	}
	if (module.nr_refs + region.nr_pages() > module.max_refs)
		return Reason::too_many_refs;
	return std::nullopt;
}

} // namespace iomemgrant
