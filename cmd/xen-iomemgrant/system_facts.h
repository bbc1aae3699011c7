// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_SYSTEM_FACTS_H
#define XEN_IOMEMGRANT_SYSTEM_FACTS_H

#include <filesystem>
#include <string>

namespace iomemgrant
{

/// What Linux says about itself and this process, for `doctor`.
struct SystemFacts {
	/// This process has CAP_SYS_RAWIO, which granting needs.
	bool raw_io = false;
	/// "none", "integrity", "confidentiality"; empty when this kernel has no lockdown.
	std::string lockdown;
	bool module_loaded = false;
	bool module_node = false; ///< /dev/xen/iomemgrant exists
	bool devtmpfs = false;    ///< on /dev
	bool udev = false;        ///< runs

	static SystemFacts read(const std::filesystem::path& root = "/");
};

} // namespace iomemgrant

#endif
