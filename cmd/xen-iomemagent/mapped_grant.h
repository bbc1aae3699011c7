// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMAGENT_MAPPED_GRANT_H
#define XEN_IOMEMAGENT_MAPPED_GRANT_H

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/values/domid.h"
#include "lib/values/error.h"
#include "lib/values/grant.h"
#include "lib/values/grant_name.h"
#include "lib/values/label.h"

namespace iomemgrant::agent
{

namespace kind
{
inline constexpr ErrorKind bad_value{"bad-value", 2};
inline constexpr ErrorKind needs_yes{"needs-yes", 2};
inline constexpr ErrorKind revoked{"revoked", 3};
inline constexpr ErrorKind read_only{"read-only", 4};
inline constexpr ErrorKind control_domain{"control-domain", 9};
} // namespace kind

/// Where the kernel shows itself; tests point it at fixture trees.
struct Roots {
	std::filesystem::path sys = "/sys";
	std::filesystem::path dev = "/dev";
	std::filesystem::path proc = "/proc";

	std::filesystem::path maps() const { return sys / "class/iomemgrant"; }
	std::filesystem::path nodes() const { return dev / "xen/iomem"; }
};

/// A grant this guest has mapped, as the kernel module tells it: /sys/class/iomemgrant/mapN.
struct MappedGrant {
	unsigned map = 0; ///< the N of mapN
	/// Absent for a mapping made by ioctl, which has no node of its own.
	std::optional<GrantId> id;
	std::optional<Label> label;
	/// "mapped", "revoked", "zombie" or "stale"; a newer module may know more.
	std::string state;
	/// Changes of the device, as the granter's module saw them at its last look.
	Grant::Changes changes;
	std::uint64_t length = 0;
	std::uint64_t nr_pages = 0;
	std::vector<RefRange> refs;
	Domid granter{0};
	Access access = Access::read_write;
	Cache cache = Cache::uncached;
	Uuid uuid;
	std::uint64_t users = 0;
	/// First guest frame; absent in a PV guest and for those who may not see it.
	std::optional<std::uint64_t> gfn;
	/// Absent for a mapping made by ioctl.
	std::optional<std::filesystem::path> node;

	bool is_mapped() const { return state == "mapped"; }
	/// "g17", or "map3" when it has no id.
	std::string name() const;
};

/// All of them, those with an id first and in its order.  One that vanishes while it is read is
/// left out.  Throws Error no-module when there is no such class.
std::vector<MappedGrant> read_mapped_grants(const Roots& roots);

/// The same, but empty when the module is not loaded: for those who wait for it.
std::vector<MappedGrant> read_mapped_grants_if_any(const Roots& roots);

/// The grant of this name.  Throws Error ambiguous-grant when the name fits the id of one grant and
/// the label of another, and bad-grant-id when it names a guest: here is only one.
const MappedGrant* find_in(const std::vector<MappedGrant>& grants, const GrantName& name);

Error no_grant(const GrantName& name);

/// The grant of this name that is mapped now.  Throws Error no-grant, or revoked.
MappedGrant find_mapped(const Roots& roots, const GrantName& name);

} // namespace iomemgrant::agent

#endif
