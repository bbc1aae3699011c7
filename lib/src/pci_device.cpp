// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/pci_device.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <iomemgrant/byte_size.h>
#include <iomemgrant/error.h>

#include "pci_config.h"

namespace iomemgrant
{

namespace
{

namespace fs = std::filesystem;

// include/linux/ioport.h: sysfs shows these bits, so they are an interface.
constexpr std::uint64_t resource_io = 0x100;
constexpr std::uint64_t resource_memory = 0x200;
constexpr std::uint64_t resource_prefetch = 0x2000;
constexpr std::uint64_t resource_64bit = 0x100000;
constexpr std::uint64_t resource_disabled = 0x10000000;
constexpr std::uint64_t resource_unset = 0x20000000;

// Up to @limit bytes of a file; absent when there is no such file.
std::optional<std::string> read_file(const fs::path& path, std::size_t limit = 4096)
{
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		const int errnum = errno;
		if (errnum == ENOENT)
			return std::nullopt;
		throw Error::from_errno(errnum, fmt::format("open {}", path.native()));
	}
	std::string text(limit, '\0');
	std::size_t length = 0;
	ssize_t got;
	while ((got = read(fd, text.data() + length, limit - length)) > 0)
		length += static_cast<std::size_t>(got);
	const int errnum = errno;
	close(fd);
	if (got < 0)
		throw Error::from_errno(errnum, fmt::format("read {}", path.native()));
	text.resize(length);
	return text;
}

std::string read_word(const fs::path& path)
{
	auto text = read_file(path).value_or("");
	text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
	return text;
}

std::uint32_t parse_hex(std::string_view text)
{
	std::uint32_t value = 0;
	const auto [stop, status] =
		std::from_chars(text.data(), text.data() + text.size(), value, 16);
	if (status != std::errc() || stop != text.data() + text.size())
		throw Error(kind::io_error, fmt::format("'{}' is not a hexadecimal number", text));
	return value;
}

std::pair<std::uint16_t, std::uint16_t> parse_ids(std::string_view text)
{
	const auto colon = std::min(text.find(':'), text.size() - !text.empty());
	return {static_cast<std::uint16_t>(parse_hex(text.substr(0, colon))),
		static_cast<std::uint16_t>(parse_hex(text.substr(colon + 1)))};
}

// One file with all identifiers and the driver: six fewer to open for each device.
void parse_uevent(const std::string& text, PciDevice& device)
{
	std::istringstream lines(text);
	std::string line;
	while (std::getline(lines, line)) {
		const auto equals = std::min(line.find('='), line.size());
		const auto name = line.substr(0, equals);
		const auto value = line.substr(std::min(equals + 1, line.size()));
		if (name == "DRIVER")
			device.driver = value;
		else if (name == "PCI_CLASS")
			device.class_code = parse_hex(value);
		else if (name == "PCI_ID")
			std::tie(device.id.vendor, device.id.device) = parse_ids(value);
		else if (name == "PCI_SUBSYS_ID")
			std::tie(device.id.subsystem_vendor, device.id.subsystem_device) =
				parse_ids(value);
	}
}

// The last part of what a link of sysfs points to.
std::optional<std::string> link_name(const fs::path& path)
{
	std::error_code failed;
	const auto target = fs::read_symlink(path, failed);
	if (failed)
		return std::nullopt;
	return target.filename().native();
}

PciBar make_bar(unsigned index, std::uint64_t start, std::uint64_t end, std::uint64_t flags)
{
	PciBar bar;
	bar.index = index;
	if (!(flags & (resource_io | resource_memory)))
		return bar;
	bar.type = flags & resource_io ? PciBar::Type::io : PciBar::Type::memory;
	bar.size = end < start ? 0 : end - start + 1;
	bar.is_64bit = flags & resource_64bit;
	bar.prefetchable = flags & resource_prefetch;
	bar.unassigned = !start || !bar.size || flags & (resource_unset | resource_disabled);
	bar.address = bar.unassigned ? 0 : start;
	return bar;
}

PciResources parse_resources(const std::string& text)
{
	PciResources found;
	std::istringstream lines(text);
	for (unsigned index = 0; index <= found.bars.size(); index++) {
		std::uint64_t start = 0, end = 0, flags = 0;
		lines >> std::hex >> start >> end >> flags;
		auto& bar = index < found.bars.size() ? found.bars[index] : found.rom;
		bar = lines ? make_bar(index, start, end, flags) : PciBar{.index = index};
		const bool upper = index && index < found.bars.size() &&
				   found.bars[index - 1].is_memory() &&
				   found.bars[index - 1].is_64bit;
		if (upper && bar.type == PciBar::Type::absent)
			bar.type = PciBar::Type::upper_half;
	}
	return found;
}

// The present device that @sbdf is most likely a mistyped form of.
std::optional<Sbdf> nearest(const std::vector<Sbdf>& present, const Sbdf& sbdf)
{
	const auto text = sbdf.str();
	for (const auto& candidate : present) {
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

bool PciDevice::has_active_driver() const
{
	constexpr std::string_view holders[] = {"pciback", "xen-pciback", "vfio-pci", "pci-stub"};
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

PciDevices::PciDevices(fs::path root) : root_(std::move(root)) {}

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
	for (const auto& sbdf : addresses())
		found.push_back(read(sbdf));
	return found;
}

void PciDevices::require(const Sbdf& sbdf) const
{
	if (contains(sbdf))
		return;
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
	const auto text = read_file(root_ / sbdf.str() / "resource").value_or("");
	return resources_.emplace(sbdf, parse_resources(text)).first->second;
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
		const auto& all = resources(sbdf);
		for (const auto& bar : all.bars)
			add(sbdf, bar);
		add(sbdf, all.rom);
	}
	return pages_.emplace(std::move(found));
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
	const auto folder = root_ / sbdf.str();
	if (const auto group = link_name(folder / "iommu_group")) {
		unsigned number = 0;
		const auto* end = group->data() + group->size();
		if (std::from_chars(group->data(), end, number).ptr == end)
			device.iommu_group = number;
	}
	device.is_virtual_function = link_name(folder / "physfn").has_value();
	constexpr std::uint32_t class_display = 0x03;
	device.boot_vga =
		device.class_code >> 16 == class_display && read_word(folder / "boot_vga") == "1";
	// Before the configuration space: reading that one may wake the device.
	device.power_state = read_word(folder / "power_state");
	if (device.power_state.empty())
		device.power_state = "unknown";
	read_config(read_file(folder / "config", 256).value_or(""), device);
	return devices_.emplace(sbdf, std::move(device)).first->second;
}

} // namespace iomemgrant
