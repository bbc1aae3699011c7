// SPDX-License-Identifier: LGPL-2.1-or-later
// The files of a device in sysfs.
#ifndef IOMEMGRANT_PCI_SYSFS_H
#define IOMEMGRANT_PCI_SYSFS_H

#include <filesystem>
#include <optional>
#include <string>

#include "lib/pci/pci_device.h"

namespace iomemgrant
{

/// Up to @limit bytes of a file; absent when there is no such file, or its device has gone since:
/// then open() or read() of what sysfs had before answers ENODEV.
std::optional<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 4096);

/// The first line; empty where read_file() has nothing.
std::string read_word(const std::filesystem::path& path);

/// The last part of what a link points to.
std::optional<std::string> link_name(const std::filesystem::path& path);

/// One file with all identifiers and the driver: six fewer to open for each device.
void parse_uevent(const std::string& text, PciDevice& device);

PciResources parse_resources(const std::string& text);

} // namespace iomemgrant

#endif
