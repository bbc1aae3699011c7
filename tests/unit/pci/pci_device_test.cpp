// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/pci/pci_device.h"

#include <chrono>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

Sbdf at(const char* text)
{
	return *Sbdf::parse(text);
}

} // namespace

TEST(PciDevices, reads_what_sysfs_says)
{
	PciTree tree;
	tree.add("0000:03:00.0")
		.memory64(0, 0x180000000000, 0x800000)
		.io(2, 0xc000, 0x40)
		.unassigned(3, 0x1000)
		.memory(4, 0xfebd9100, 0x100)
		.rom(0xfe000000, 0x10000)
		.driver("i40e")
		.link("iommu_group", "../../../kernel/iommu_groups/21")
		.command(6);
	const PciDevices devices(tree.root());
	const auto& device = devices.read(at("03:00.0"));
	EXPECT_EQ(device.id.vendor, 0x1234);
	EXPECT_EQ(device.id.device, 0x11e8);
	EXPECT_EQ(device.id.subsystem_vendor, 0x1af4);
	EXPECT_EQ(device.id.subsystem_device, 0x1100);
	EXPECT_EQ(device.class_code, 0x00ff00U);
	EXPECT_EQ(device.driver, "i40e");
	EXPECT_EQ(device.power_state, "D0");
	EXPECT_EQ(device.iommu_group, 21U);
	EXPECT_TRUE(device.memory_decode);
	EXPECT_TRUE(device.bus_master);
	EXPECT_EQ(device.config, ConfigState::complete);
	EXPECT_FALSE(device.msix);

	EXPECT_EQ(device.bar(0).address, 0x180000000000U);
	EXPECT_EQ(device.bar(0).nr_pages(), 2048U);
	EXPECT_TRUE(device.bar(0).is_64bit && device.bar(0).prefetchable);
	EXPECT_EQ(device.bar(1).type, PciBar::Type::upper_half);
	EXPECT_EQ(device.bar(2).type, PciBar::Type::io);
	EXPECT_TRUE(device.bar(3).is_memory() && device.bar(3).unassigned);
	EXPECT_EQ(device.bar(3).size, 0x1000U);
	EXPECT_EQ(device.bar(4).first_page(), 0xfebd9000U);
	EXPECT_EQ(device.bar(4).nr_pages(), 1U);
	EXPECT_EQ(device.bar(5).type, PciBar::Type::absent);
	EXPECT_TRUE(device.resources.rom.usable());
}

TEST(PciDevices, finds_the_msix_table_and_its_pending_bits)
{
	PciTree tree;
	tree.add("0000:03:00.0").msix(129, 3, 0x7000, 0, 0x8000);
	const PciDevices devices(tree.root());
	const auto& msix = devices.read(at("03:00.0")).msix;
	ASSERT_TRUE(msix);
	EXPECT_EQ(msix->table, (MsixRange{3, 0x7000, 129 * 16}));
	EXPECT_EQ(msix->pending, (MsixRange{0, 0x8000, 24}));
}

TEST(PciDevices, survives_every_broken_capability_list)
{
	PciTree tree;
	tree.add("0000:00:01.0").msix(1, 0, 0, 0, 0x800).config(0x41, 0x40, 1);
	tree.add("0000:00:02.0").msix(1, 0, 0, 0, 0x800).config(0x41, 0x10, 1);
	tree.add("0000:00:03.0").msix(1, 0, 0, 0, 0x800).truncate(64);
	tree.add("0000:00:04.0").msix(1, 0, 0, 0, 0x800).truncate(0x76);
	tree.add("0000:00:05.0").truncate(0);
	tree.add("0000:00:06.0")
		.config(0x41, 0xfc, 1)
		.config(0x06, 0x10, 2)
		.config(0x34, 0xfc, 1)
		.config(0xfc, 0x11, 1);
	for (const auto& device : PciDevices(tree.root()).all()) {
		EXPECT_NE(device.config, ConfigState::complete) << device.sbdf.str();
		EXPECT_FALSE(device.msix) << device.sbdf.str();
	}
}

TEST(PciDevices, a_device_that_answers_ones_decodes_nothing)
{
	PciTree tree;
	tree.add("0000:03:00.0").silent();
	const PciDevices devices(tree.root());
	EXPECT_FALSE(devices.read(at("03:00.0")).memory_decode);
	EXPECT_FALSE(devices.read(at("03:00.0")).bus_master);
	EXPECT_EQ(devices.read(at("03:00.0")).config, ConfigState::silent);
}

TEST(PciDevices, a_virtual_function_decodes_through_its_physical_one)
{
	PciTree tree;
	tree.add("0000:03:02.0")
		.command(4)
		.config(0, 0xffffffff, 4)
		.link("physfn", "../0000:03:00.0");
	const PciDevices devices(tree.root());
	EXPECT_TRUE(devices.read(at("03:02.0")).is_virtual_function);
	EXPECT_TRUE(devices.read(at("03:02.0")).memory_decode);
	EXPECT_EQ(devices.read(at("03:02.0")).id.vendor, 0x1234);
}

TEST(PciDevices, an_absent_device_has_its_message)
{
	PciTree tree;
	tree.add("0000:81:00.0");
	const PciDevices devices(tree.root());
	EXPECT_EQ(error_of([&] { return devices.read(at("82:00.0")); }),
		(Said{"no PCI device 0000:82:00.0 in this domain [no-device]",
			"did you mean 0000:81:00.0? xen-iomemgrant bars", 3}));
	EXPECT_EQ(error_of([&] { return devices.resources(at("02:1f.7")); }),
		(Said{"no PCI device 0000:02:1f.7 in this domain [no-device]",
			"xen-iomemgrant bars", 3}));
	EXPECT_TRUE(PciDevices(tree.root() / "absent").addresses().empty());
}

TEST(PciDevices, reads_each_file_once)
{
	PciTree tree;
	tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x1000);
	const PciDevices devices(tree.root());
	(void)devices.read(at("03:00.0"));
	std::filesystem::remove_all(tree.root() / "0000:03:00.0");
	EXPECT_EQ(devices.read(at("03:00.0")).bar(0).size, 0x1000U);
	EXPECT_EQ(devices.all().size(), 1U);
}

TEST(PciDevices, lists_256_devices_quickly)
{
	PciTree tree;
	for (unsigned i = 0; i < 256; i++)
		tree.add(fmt::format("0000:{:02x}:{:02x}.0", i / 32, i % 32))
			.memory(0, 0xe0000000 + i * 0x10000, 0x10000);
	const auto start = std::chrono::steady_clock::now();
	EXPECT_EQ(PciDevices(tree.root()).all().size(), 256U);
	const auto took = std::chrono::steady_clock::now() - start;
	RecordProperty("microseconds",
		static_cast<int>(
			std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
	// Ten times the aim, for a machine that is busy.
	EXPECT_LT(took, std::chrono::milliseconds(500));
}
