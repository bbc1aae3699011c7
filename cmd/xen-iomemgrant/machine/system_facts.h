// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANT_SYSTEM_FACTS_H
#define XEN_IOMEMGRANT_SYSTEM_FACTS_H

#include <filesystem>
#include <string>

#include "lib/values/error.h"
#include "lib/values/lockdown.h"

namespace iomemgrant
{

/// Facts about Linux and this process, for `doctor`.
struct SystemFacts {
	/// This process has CAP_SYS_RAWIO, which granting needs.
	bool raw_io = false;
	Lockdown lockdown;
	/// Linux runs on Xen, and as which kind of domain: "pv", "pvh", "hvm"; empty: not on Xen.
	std::string guest_type;
	/// This is Xen's control domain, and the kernel tells so.
	bool control_domain = false;
	bool xenfs = false; ///< /proc/xen is there to tell
	bool module_loaded = false;
	bool module_node = false; ///< /dev/xen/iomemgrant exists
	bool devtmpfs = false;    ///< on /dev
	bool udev = false;        ///< runs

	static SystemFacts read(const std::filesystem::path& root = "/");
};

/// Why a machine with these @facts is no control domain: Error not-xen or not-dom0.
Error not_control_domain(const SystemFacts& facts);

} // namespace iomemgrant

#endif
