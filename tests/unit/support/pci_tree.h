// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UNIT_PCI_TREE_H
#define UNIT_PCI_TREE_H

#include <cstdint>
#include <filesystem>
#include <string>

namespace iomemgrant
{

/// A folder like /sys/bus/pci/devices, written for one test and removed after it.  Prefers memory
/// to a disk: tests of 256 devices are to take milliseconds.
class PciTree
{
public:
	class Device
	{
	public:
		/// Writes what was described.
		~Device();
		Device(const Device&) = delete;
		Device& operator=(const Device&) = delete;

		/// As a resource file has it.
		Device& memory(unsigned bar, std::uint64_t start, std::uint64_t size,
			std::uint64_t more_flags = 0);
		Device& memory64(unsigned bar, std::uint64_t start, std::uint64_t size);
		Device& io(unsigned bar, std::uint64_t start, std::uint64_t size);
		Device& unassigned(unsigned bar, std::uint64_t size);
		Device& rom(std::uint64_t start, std::uint64_t size)
		{
			return memory(6, start, size);
		}
		Device& driver(const std::string& name);
		Device& id(std::uint16_t vendor, std::uint16_t device)
		{
			vendor_ = vendor;
			device_ = device;
			return *this;
		}
		/// Base class, sub-class, interface.
		Device& class_code(std::uint32_t code)
		{
			class_ = code;
			return *this;
		}
		Device& file(const std::string& name, const std::string& content);
		Device& link(const std::string& name, const std::string& target);
		Device& folder(const std::string& name);
		/// Bits of the command register; a new device has memory decoding on.
		Device& command(std::uint16_t bits) { return config(4, bits, 2); }
		Device& msix(unsigned vectors, unsigned table_bar, std::uint32_t table,
			unsigned pending_bar, std::uint32_t pending);
		/// Bytes of the configuration space, little-endian.
		Device& config(std::size_t at, std::uint32_t value, std::size_t length);
		/// All 4096 bytes of the configuration space can be read, not only 256.
		Device& extended()
		{
			config_.resize(4096);
			return *this;
		}
		/// Leaves the first @length bytes of the configuration space.
		Device& truncate(std::size_t length);
		/// Answers every read with ones.
		Device& silent();

	private:
		friend class PciTree;
		explicit Device(std::filesystem::path folder);
		void set(unsigned index, std::uint64_t start, std::uint64_t size,
			std::uint64_t flags);

		std::filesystem::path folder_;
		std::string driver_;
		std::uint16_t vendor_ = 0x1234;
		std::uint16_t device_ = 0x11e8;
		std::uint32_t class_ = 0x00ff00;
		std::string config_;
		std::string resources_[7];
	};

	PciTree();
	~PciTree();
	PciTree(const PciTree&) = delete;
	PciTree& operator=(const PciTree&) = delete;

	const std::filesystem::path& root() const { return root_; }
	/// A device 1234:11e8 in D0 that decodes memory and has neither BARs nor capabilities.
	Device add(const std::string& bdf) { return Device(root_ / bdf); }
	/// What stands for /proc/iomem.
	void iomem(const std::string& text);
	/// The device is unplugged.
	void remove(const std::string& bdf) { std::filesystem::remove_all(root_ / bdf); }

private:
	std::filesystem::path root_;
};

} // namespace iomemgrant

#endif
