// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/pci_device.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include <iomemgrant/error.h>

namespace iomemgrant
{

namespace fs = std::filesystem;

namespace
{

// linux/ioport.h: what the third column of `resource` means.
constexpr std::uint64_t resource_io = 0x100;
constexpr std::uint64_t resource_memory = 0x200;
constexpr std::uint64_t resource_prefetch = 0x2000;
constexpr std::uint64_t resource_64bit = 0x100000;
constexpr std::uint64_t resource_unset = 0x20000000;

// PCI local bus specification: configuration space.
constexpr std::size_t config_command = 4;
constexpr std::size_t config_status = 6;
constexpr std::size_t config_capabilities = 0x34;
constexpr std::uint16_t command_memory = 2;
constexpr std::uint16_t command_master = 4;
constexpr std::uint16_t status_has_capabilities = 0x10;
constexpr std::uint8_t capability_msix = 0x11;

std::string read_text(const fs::path& path)
{
	std::ifstream file(path, std::ios::binary);
	std::ostringstream text;
	text << file.rdbuf();
	return text.str();
}

std::string first_line(const fs::path& path)
{
	const auto text = read_text(path);
	return text.substr(0, text.find('\n'));
}

/// Little-endian reads of configuration space; what lies beyond the end reads as 0.
class Config
{
public:
	explicit Config(std::string bytes) : bytes_(std::move(bytes)) {}

	std::uint8_t byte(std::size_t at) const
	{
		return at < bytes_.size() ? static_cast<std::uint8_t>(bytes_[at]) : 0;
	}
	std::uint16_t word(std::size_t at) const
	{
		return static_cast<std::uint16_t>(byte(at) | byte(at + 1) << 8);
	}
	std::uint32_t dword(std::size_t at) const
	{
		return word(at) | static_cast<std::uint32_t>(word(at + 2)) << 16;
	}

	std::optional<std::size_t> capability(std::uint8_t id) const
	{
		if (!(word(config_status) & status_has_capabilities))
			return std::nullopt;
		// The list may loop on a broken device: there is room for 48 capabilities.
		std::size_t at = byte(config_capabilities) & 0xfc;
		for (int i = 0; i < 48 && at >= 0x40; i++) {
			if (byte(at) == id)
				return at;
			at = byte(at + 1) & 0xfc;
		}
		return std::nullopt;
	}

private:
	std::string bytes_;
};

std::vector<MsixPart> msix_parts(const Config& config)
{
	const auto at = config.capability(capability_msix);
	if (!at)
		return {};
	const std::uint64_t entries = (config.word(*at + 2) & 0x7ff) + 1U;
	const auto table = config.dword(*at + 4);
	const auto pending = config.dword(*at + 8);
	return {{table & 7, table & ~7U, entries * 16, "MSI-X table"},
		{pending & 7, pending & ~7U, (entries + 63) / 64 * 8, "MSI-X pending bits"}};
}

Bar parse_bar_line(unsigned index, const std::string& line)
{
	std::uint64_t start = 0;
	std::uint64_t end = 0;
	std::uint64_t flags = 0;
	std::istringstream columns(line);
	columns >> std::hex >> start >> end >> flags;
	Bar bar;
	bar.index = index;
	if (!columns || !flags)
		return bar;
	if (flags & resource_memory)
		bar.kind = Bar::Kind::memory;
	else if (flags & resource_io)
		bar.kind = Bar::Kind::io;
	bar.address = start;
	bar.size = end >= start && end ? end - start + 1 : 0;
	bar.is_64bit = flags & resource_64bit;
	bar.prefetchable = flags & resource_prefetch;
	bar.unassigned = flags & resource_unset || start == 0;
	return bar;
}

std::optional<unsigned> link_number(const fs::path& link)
{
	std::error_code ignored; // no link: no group
	const auto name = fs::read_symlink(link, ignored).filename().string();
	unsigned number = 0;
	const auto [end, status] = std::from_chars(name.data(), name.data() + name.size(), number);
	if (name.empty() || status != std::errc() || end != name.data() + name.size())
		return std::nullopt;
	return number;
}

} // namespace

bool PciDevice::has_active_driver() const
{
	return !driver.empty() && driver != "pciback" && driver != "pci-stub" &&
		driver != "vfio-pci";
}

std::vector<unsigned> PciDevice::memory_bars() const
{
	std::vector<unsigned> found;
	for (const auto& bar : bars) {
		if (bar.kind == Bar::Kind::memory)
			found.push_back(bar.index);
	}
	return found;
}

std::vector<Sbdf> PciBus::devices() const
{
	std::vector<Sbdf> found;
	std::error_code ignored; // no such directory: no PCI
	for (const auto& entry : fs::directory_iterator(root_, ignored)) {
		if (const auto sbdf = Sbdf::parse(entry.path().filename().string()))
			found.push_back(*sbdf);
	}
	std::sort(found.begin(), found.end());
	return found;
}

bool PciBus::present(Sbdf sbdf) const
{
	std::error_code ignored; // absent is what we ask for
	return fs::exists(root_ / sbdf.str() / "config", ignored);
}

std::array<Bar, 6> PciBus::bars(Sbdf sbdf) const
{
	std::array<Bar, 6> bars;
	std::istringstream lines(read_text(root_ / sbdf.str() / "resource"));
	std::string line;
	for (unsigned i = 0; i < bars.size(); i++) {
		bars[i].index = i;
		if (std::getline(lines, line))
			bars[i] = parse_bar_line(i, line);
	}
	for (unsigned i = 1; i < bars.size(); i++) {
		if (bars[i - 1].kind == Bar::Kind::memory && bars[i - 1].is_64bit &&
			bars[i].kind == Bar::Kind::none)
			bars[i].kind = Bar::Kind::upper_half;
	}
	return bars;
}

std::optional<PciDevice> PciBus::device(Sbdf sbdf) const
{
	const auto directory = root_ / sbdf.str();
	if (!present(sbdf))
		return std::nullopt;
	std::error_code ignored; // no link: no driver
	const Config config(read_text(directory / "config"));

	PciDevice device;
	device.sbdf = sbdf;
	device.id = {config.word(0), config.word(2), config.word(0x2c), config.word(0x2e)};
	device.class_code = config.dword(8) >> 8;
	device.driver = fs::read_symlink(directory / "driver", ignored).filename().string();
	device.power_state = first_line(directory / "power_state");
	if (device.power_state.empty())
		device.power_state = "unknown";
	device.memory_decoding = config.word(config_command) & command_memory;
	device.bus_master = config.word(config_command) & command_master;
	device.iommu_group = link_number(directory / "iommu_group");
	device.bars = bars(sbdf);
	device.msix = msix_parts(config);
	return device;
}

std::optional<Sbdf> PciBus::similar(Sbdf sbdf) const
{
	const auto wanted = sbdf.str();
	for (const auto candidate : devices()) {
		const auto text = candidate.str();
		int differences = 0;
		for (std::size_t i = 0; i < text.size(); i++)
			differences += text[i] != wanted[i];
		if (differences == 1)
			return candidate;
	}
	return std::nullopt;
}

} // namespace iomemgrant
