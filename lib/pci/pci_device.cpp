// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/pci/pci_device.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "lib/pci/pci_config.h"
#include "lib/pci/pci_sysfs.h"
#include "lib/text/byte_size.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

namespace fs = std::filesystem;

// The present device that @sbdf is most likely a mistyped form of.
std::optional<Sbdf> nearest(const std::vector<Sbdf>& present, const Sbdf& sbdf)
{
	const auto text = sbdf.str();
	for (const auto& candidate : present) {
		if (candidate == sbdf) // it has gone meanwhile
			continue;
		const auto other = candidate.str();
		std::size_t differing = text.size() == other.size() ? 0 : 2;
		for (std::size_t i = 0; differing < 2 && i < text.size(); i++)
			differing += text[i] != other[i];
		if (differing < 2)
			return candidate;
	}
	return std::nullopt;
}

} // namespace

std::uint64_t PciBar::first_page() const
{
	return page_round_down(address);
}

std::uint64_t PciBar::end_page() const
{
	return page_round_up(address + size);
}

std::uint64_t PciBar::nr_pages() const
{
	return (end_page() - first_page()) / page_size;
}

bool PciDevice::asleep() const
{
	return power_state.starts_with("D") && power_state != "D0";
}

bool PciDevice::has_active_driver() const
{
	// Not vfio-pci and its relatives: their users reset the device, put it to sleep and turn
	// bus mastering on.
	constexpr std::string_view holders[] = {"pciback", "xen-pciback", "pci-stub"};
	return driver &&
	       std::find(std::begin(holders), std::end(holders), *driver) == std::end(holders);
}

std::vector<unsigned> PciDevice::memory_bars() const
{
	std::vector<unsigned> found;
	for (const auto& bar : resources.bars) {
		if (bar.is_memory())
			found.push_back(bar.index);
	}
	return found;
}

PciDevices::PciDevices(fs::path root, fs::path iomem)
	: root_(std::move(root)), iomem_(std::move(iomem))
{
}

const std::vector<Sbdf>& PciDevices::addresses() const
{
	if (addresses_)
		return *addresses_;
	std::vector<Sbdf> found;
	std::error_code failed;
	for (fs::directory_iterator entry(root_, failed), end; !failed && entry != end;
		entry.increment(failed)) {
		if (const auto sbdf = Sbdf::parse(entry->path().filename().native()))
			found.push_back(*sbdf);
	}
	// A kernel without PCI has no such folder, and so no devices.
	if (failed && failed.value() != ENOENT)
		throw Error::from_errno(failed.value(), fmt::format("list {}", root_.native()));
	std::sort(found.begin(), found.end());
	return addresses_.emplace(std::move(found));
}

bool PciDevices::contains(const Sbdf& sbdf) const
{
	const auto& present = addresses();
	return std::binary_search(present.begin(), present.end(), sbdf);
}

std::vector<PciDevice> PciDevices::all() const
{
	std::vector<PciDevice> found;
	for (const auto& sbdf : addresses()) {
		try {
			found.push_back(read(sbdf));
		} catch (const Error& error) {
			if (error.kind() != kind::no_device)
				throw;
		}
	}
	return found;
}

void PciDevices::require(const Sbdf& sbdf) const
{
	if (!contains(sbdf))
		absent(sbdf);
}

void PciDevices::absent(const Sbdf& sbdf) const
{
	const auto guess = nearest(addresses(), sbdf);
	throw Error(kind::no_device, fmt::format("no PCI device {} in this domain", sbdf.str()),
		guess ? fmt::format("did you mean {}? xen-iomemgrant bars", guess->str())
		      : "xen-iomemgrant bars")
		.with("bdf", sbdf.str());
}

const PciResources& PciDevices::resources(const Sbdf& sbdf) const
{
	if (const auto known = resources_.find(sbdf); known != resources_.end())
		return known->second;
	require(sbdf);
	const auto text = read_file(root_ / sbdf.str() / "resource");
	if (!text)
		absent(sbdf);
	return resources_.emplace(sbdf, parse_resources(*text)).first->second;
}

const std::vector<PciPages>& PciDevices::pages() const
{
	if (pages_)
		return *pages_;
	std::vector<PciPages> found;
	const auto add = [&](const Sbdf& sbdf, const PciBar& bar) {
		if (bar.usable())
			found.push_back({sbdf, bar.index, bar.first_page(), bar.end_page()});
	};
	for (const auto& sbdf : addresses()) {
		try {
			const auto& all = resources(sbdf);
			for (const auto& bar : all.bars)
				add(sbdf, bar);
			add(sbdf, all.rom);
			add_given_up(sbdf, found);
		} catch (const Error& error) {
			if (error.kind() != kind::no_device)
				throw;
		}
	}
	return pages_.emplace(std::move(found));
}

// Adds the addresses in the BAR registers of a device, at which it still answers.  A sleeping
// device answers nowhere, and is left asleep.
void PciDevices::add_given_up(const Sbdf& sbdf, std::vector<PciPages>& found) const
{
	// A register does not tell the size, only that the address is a multiple of it.  More than
	// this is not believed: it would speak against most of a machine's devices.
	constexpr std::uint64_t most = 16ULL << 20;
	PciDevice device;
	device.sbdf = sbdf;
	device.power_state = power_state(sbdf);
	if (device.asleep())
		return;
	device.resources = resources(sbdf);
	device.is_virtual_function = link_name(root_ / sbdf.str() / "physfn").has_value();
	read_config(config(sbdf), device);
	for (unsigned index = 0; device.memory_decode && index < device.given_up.size(); index++) {
		if (!device.given_up[index])
			continue;
		const auto start = *device.given_up[index];
		const auto known = device.bar(index).size;
		const auto size = known ? known : std::min(start & (~start + 1), most);
		found.push_back(
			{sbdf, index, page_round_down(start), page_round_up(start + size), true});
	}
}

std::optional<DeviceId> PciDevices::identity(const Sbdf& sbdf) const
{
	if (!contains(sbdf))
		return std::nullopt;
	return uevent(sbdf).id;
}

// A device of which no more is known than its address and what the uevent file says.
const PciDevice& PciDevices::uevent(const Sbdf& sbdf) const
{
	if (const auto known = uevents_.find(sbdf); known != uevents_.end())
		return known->second;
	PciDevice device;
	device.sbdf = sbdf;
	parse_uevent(read_file(root_ / sbdf.str() / "uevent").value_or(""), device);
	return uevents_.emplace(sbdf, std::move(device)).first->second;
}

const PciDevice& PciDevices::read(const Sbdf& sbdf) const
{
	if (const auto known = devices_.find(sbdf); known != devices_.end())
		return known->second;
	const auto& found = resources(sbdf); // first: throws when there is no such device
	auto device = uevent(sbdf);
	device.resources = found;
	read_places(device);
	device.is_virtual_function = link_name(root_ / sbdf.str() / "physfn").has_value();
	// Before the configuration space: reading that one may wake the device.
	device.power_state = power_state(sbdf);
	read_config(config(sbdf), device);
	if (device.physical_function)
		device.memory_decode = decodes_for_functions(*device.physical_function);
	else if (device.is_virtual_function)
		device.memory_decode = true;
	return devices_.emplace(sbdf, std::move(device)).first->second;
}

// Reads the links and folders of the device in sysfs.
void PciDevices::read_places(PciDevice& device) const
{
	const auto folder = root_ / device.sbdf.str();
	if (const auto group = link_name(folder / "iommu_group")) {
		unsigned number = 0;
		const auto* end = group->data() + group->size();
		if (std::from_chars(group->data(), end, number).ptr == end)
			device.iommu_group = number;
	}
	constexpr std::uint32_t class_display = 0x03;
	device.boot_vga =
		device.class_code >> 16 == class_display && read_word(folder / "boot_vga") == "1";
	if (const auto parent = link_name(folder / "physfn"))
		device.physical_function = Sbdf::parse(*parent);
	std::error_code failed;
	const auto place = fs::canonical(folder, failed);
	const auto root_bus = fmt::format("pci{:04x}:{:02x}", device.sbdf.segment, device.sbdf.bus);
	device.on_root_bus =
		device.sbdf.bus == 0 || place.parent_path().filename().native() == root_bus;
	for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
		entry.increment(failed)) {
		// "pci10000:e0", as the root of a segment is called.
		const auto name = entry->path().filename().native();
		if (name.starts_with("pci") && name.find(':') != std::string::npos)
			device.has_bus = true;
	}
}

std::string PciDevices::power_state(const Sbdf& sbdf) const
{
	const auto [known, added] = power_states_.try_emplace(sbdf);
	if (added)
		known->second = read_word(root_ / sbdf.str() / "power_state");
	return known->second.empty() ? "unknown" : known->second;
}

const std::string& PciDevices::config(const Sbdf& sbdf) const
{
	if (const auto known = configs_.find(sbdf); known != configs_.end())
		return known->second;
	auto bytes = read_file(root_ / sbdf.str() / "config", 256);
	if (!bytes)
		absent(sbdf);
	return configs_.emplace(sbdf, std::move(*bytes)).first->second;
}

bool PciDevices::decodes_for_functions(const Sbdf& sbdf) const
{
	if (const auto known = functions_decode_.find(sbdf); known != functions_decode_.end())
		return known->second;
	PciDevice device;
	device.power_state = power_state(sbdf);
	const bool decodes =
		!device.asleep() &&
		functions_decode(read_file(root_ / sbdf.str() / "config").value_or(""));
	return functions_decode_.emplace(sbdf, decodes).first->second;
}

} // namespace iomemgrant
