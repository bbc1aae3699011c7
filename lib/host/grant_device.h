// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_DEVICE_H
#define IOMEMGRANT_GRANT_DEVICE_H

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/values/error.h"
#include "lib/values/grant.h"

namespace iomemgrant
{

/// Of /dev/xen/iomemgrant, as this program was written for it.
inline constexpr std::uint32_t module_api_version = 1;

/// The largest value that the module takes for max_pages: 1 GiB in one grant.
inline constexpr std::uint64_t module_page_limit = 262144;

/// Features of the kernel module and of the hypervisor under it.
struct ModuleInfo {
	std::uint32_t api_version = 0;
	bool can_grant = false;          ///< this is the hardware domain
	bool hypervisor_support = false; ///< Xen accepts GNTMAP_iomem_map
	bool translated = false;         ///< this domain is HVM or PVH
	bool counts_mapped = false;      ///< Grant::nr_mapped is Xen's word
	bool locked_down = false;        ///< the kernel is, and refuses what user space asks for
	std::uint32_t gnttab_version = 0;
	std::uint32_t max_pages = 0; ///< most pages of one grant
	std::uint32_t max_refs = 0;  ///< most references of all grants
	std::uint32_t nr_refs = 0;
	std::uint32_t nr_grants = 0;
	/// Frames of the grant table that are left to other drivers, but never more than half.
	std::uint32_t headroom = 8;
};

/// The module has refused a GRANT call; explain() has the sentence.
class GrantRefused : public Error
{
public:
	enum class Reason {
		granted_already, ///< a page of it is
		busy_bar,        ///< another driver or guest has it
		dma_capable,     ///< bus mastering is on
		decode_off,      ///< memory decoding is off
		shared_page,     ///< a page holds something else, too
		permission,      ///< pages of MSI-X, lockdown, or a user without CAP_SYS_RAWIO
		cache_conflict,  ///< a page is granted with another memory type
		frame_too_wide,  ///< for this version of the grant table
		not_mmio,
		too_many_pages, ///< for one grant
		too_many_refs,  ///< for all grants
		gnttab_full,
		no_domain,
		no_device,
		bar_unassigned,
		no_hv_support,
		label_taken, ///< another grant of the domain has the label
	};

	GrantRefused(Reason reason, const Error& error) : Error(error), reason_(reason) {}

	Reason reason() const { return reason_; }

private:
	Reason reason_;
};

/// The granting half of /dev/xen/iomemgrant.  It alone knows what is granted.
class GrantDevice
{
public:
	enum class Ended { yes, still_mapped };

	virtual ~GrantDevice() = default;

	virtual ModuleInfo info() = 0;
	/// Grants pages that outlive this process.  On failure nothing is granted.  Throws
	/// GrantRefused, or Error io-error where the module could not decide.
	virtual Grant grant(const GrantRequest& request) = 0;
	/// Ends a grant, or asks the kernel to end it as soon as no domain maps it any more. Throws
	/// Error no-grant when there is none.
	virtual Ended end(GrantId id) = 0;
	/// Names a grant, or takes its name away.  Throws Error no-grant when there is none, and
	/// label-in-use when another grant of that domain has the label.
	virtual void set_label(GrantId id, const std::optional<Label>& label) = 0;
	/// All grants, in order of id.
	virtual std::vector<Grant> list() = 0;
	/// Readable when grants came, went or changed state since the last list(); what a guest
	/// maps does not count.  -1 where there is no such thing.
	virtual int fd() const = 0;
};

} // namespace iomemgrant

#endif
