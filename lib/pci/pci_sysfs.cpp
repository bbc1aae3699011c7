// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/pci/pci_sysfs.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "lib/values/error.h"

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

} // namespace

std::optional<std::string> read_file(const fs::path& path, std::size_t limit)
{
	const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		const int errnum = errno;
		if (errnum == ENOENT || errnum == ENODEV)
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
	if (got < 0 && errnum == ENODEV)
		return std::nullopt;
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

std::optional<std::string> link_name(const fs::path& path)
{
	std::error_code failed;
	const auto target = fs::read_symlink(path, failed);
	if (failed)
		return std::nullopt;
	return target.filename().native();
}

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

} // namespace iomemgrant
