// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/pci_tree.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace iomemgrant
{

namespace fs = std::filesystem;

PciTree::PciTree()
{
	const fs::path memory = "/dev/shm";
	const auto parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
	auto name = (parent / "pci-tree-XXXXXX").string();
	if (!mkdtemp(name.data()))
		throw std::runtime_error("mkdtemp");
	root_ = name;
}

PciTree::~PciTree()
{
	std::error_code ignored;
	fs::remove_all(root_, ignored);
}

PciTree::Device::Device(fs::path folder) : folder_(std::move(folder)), config_(256, '\0')
{
	fs::create_directory(folder_);
	file("power_state", "D0\n");
	for (unsigned index = 0; index < 7; index++)
		set(index, 0, 0, 0);
	config(0, 0x11e81234, 4);
	command(2);
}

PciTree::Device::~Device()
{
	std::string all;
	for (const auto& line : resources_)
		all += line;
	file("resource", all);
	file("uevent",
		fmt::format("{}PCI_CLASS={:04X}\nPCI_ID={:04X}:{:04X}\nPCI_SUBSYS_ID=1AF4:1100\n",
			driver_.empty() ? "" : "DRIVER=" + driver_ + "\n", class_, vendor_,
			device_));
	file("config", config_);
}

PciTree::Device& PciTree::Device::file(const std::string& name, const std::string& content)
{
	std::ofstream(folder_ / name, std::ios::binary) << content;
	return *this;
}

PciTree::Device& PciTree::Device::link(const std::string& name, const std::string& target)
{
	fs::create_symlink(target, folder_ / name);
	return *this;
}

PciTree::Device& PciTree::Device::folder(const std::string& name)
{
	fs::create_directory(folder_ / name);
	return *this;
}

PciTree::Device& PciTree::Device::driver(const std::string& name)
{
	driver_ = name;
	return *this;
}

void PciTree::Device::set(
	unsigned index, std::uint64_t start, std::uint64_t size, std::uint64_t flags)
{
	resources_[index] = fmt::format(
		"{:#018x} {:#018x} {:#018x}\n", start, size ? start + size - 1 : 0, flags);
}

PciTree::Device& PciTree::Device::memory(
	unsigned bar, std::uint64_t start, std::uint64_t size, std::uint64_t more_flags)
{
	set(bar, start, size, 0x40200 | more_flags);
	return *this;
}

PciTree::Device& PciTree::Device::memory64(unsigned bar, std::uint64_t start, std::uint64_t size)
{
	return memory(bar, start, size, 0x10220c);
}

PciTree::Device& PciTree::Device::io(unsigned bar, std::uint64_t start, std::uint64_t size)
{
	set(bar, start, size, 0x40101);
	return *this;
}

PciTree::Device& PciTree::Device::unassigned(unsigned bar, std::uint64_t size)
{
	return memory(bar, 0, size, 0x20000000);
}

PciTree::Device& PciTree::Device::config(std::size_t at, std::uint32_t value, std::size_t length)
{
	for (std::size_t i = 0; i < length; i++)
		config_.at(at + i) = static_cast<char>(value >> (8 * i));
	return *this;
}

PciTree::Device& PciTree::Device::truncate(std::size_t length)
{
	config_.resize(length);
	return *this;
}

PciTree::Device& PciTree::Device::silent()
{
	config_.assign(config_.size(), '\xff');
	return *this;
}

void PciTree::iomem(const std::string& text)
{
	std::ofstream(root_ / "iomem") << text;
}

// At 0x70, behind a power management capability at 0x40.
PciTree::Device& PciTree::Device::msix(unsigned vectors, unsigned table_bar, std::uint32_t table,
	unsigned pending_bar, std::uint32_t pending)
{
	config(0x06, 0x10, 2).config(0x34, 0x40, 1);
	config(0x40, 0x7001, 2);
	return config(0x70, 0x0011, 2)
		.config(0x72, vectors - 1, 2)
		.config(0x74, table | table_bar, 4)
		.config(0x78, pending | pending_bar, 4);
}

} // namespace iomemgrant
