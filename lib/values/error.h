// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_ERROR_H
#define IOMEMGRANT_ERROR_H

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace iomemgrant
{

/// Kind of a failure, for scripts to rely on: a slug to search for and the exit status.
struct ErrorKind {
	std::string_view slug;
	int exit;

	friend bool operator==(const ErrorKind& a, const ErrorKind& b) { return a.slug == b.slug; }
};

/// Every kind of failure there is.  Slugs and exit statuses are frozen: see xen-iomemgrant(8).
namespace kind
{
// 1: unexpected
inline constexpr ErrorKind internal{"internal", 1};
inline constexpr ErrorKind io_error{"io-error", 1};
// 2: what the user typed
inline constexpr ErrorKind usage{"usage", 2};
inline constexpr ErrorKind bad_bdf{"bad-bdf", 2};
inline constexpr ErrorKind bad_bar{"bad-bar", 2};
inline constexpr ErrorKind bad_region{"bad-region", 2};
inline constexpr ErrorKind bad_size{"bad-size", 2};
inline constexpr ErrorKind bad_domain{"bad-domain", 2};
inline constexpr ErrorKind bad_grant_id{"bad-grant-id", 2};
inline constexpr ErrorKind bad_label{"bad-label", 2};
inline constexpr ErrorKind bad_class{"bad-class", 2};
inline constexpr ErrorKind bad_policy{"bad-policy", 2};
inline constexpr ErrorKind unaligned{"unaligned", 2};
inline constexpr ErrorKind range_past_end{"range-past-end", 2};
inline constexpr ErrorKind empty_range{"empty-range", 2};
inline constexpr ErrorKind self_grant{"self-grant", 2};
inline constexpr ErrorKind ambiguous_domain{"ambiguous-domain", 2};
inline constexpr ErrorKind ambiguous_grant{"ambiguous-grant", 2};
inline constexpr ErrorKind cache_wb{"cache-wb", 2};
inline constexpr ErrorKind no_dry_run{"no-dry-run", 2};
// 3: not there
inline constexpr ErrorKind no_device{"no-device", 3};
inline constexpr ErrorKind no_bar{"no-bar", 3};
inline constexpr ErrorKind bar_io{"bar-io", 3};
inline constexpr ErrorKind bar_upper_half{"bar-upper-half", 3};
inline constexpr ErrorKind no_domain{"no-domain", 3};
inline constexpr ErrorKind domain_dying{"domain-dying", 3};
inline constexpr ErrorKind stub_domain{"stub-domain", 3};
inline constexpr ErrorKind no_grant{"no-grant", 3};
// 4: not allowed to
inline constexpr ErrorKind permission{"permission", 4};
inline constexpr ErrorKind policy_denied{"policy-denied", 4};
// 5: busy
inline constexpr ErrorKind overlap{"overlap", 5};
inline constexpr ErrorKind cache_conflict{"cache-conflict", 5};
inline constexpr ErrorKind still_mapped{"still-mapped", 5};
inline constexpr ErrorKind region_busy{"region-busy", 5};
inline constexpr ErrorKind device_assigned{"device-assigned", 5};
inline constexpr ErrorKind label_in_use{"label-in-use", 5};
inline constexpr ErrorKind domain_paused{"domain-paused", 5};
inline constexpr ErrorKind domain_migrating{"domain-migrating", 5};
inline constexpr ErrorKind populate_on_demand{"populate-on-demand", 5};
// 6: refused by a safety check
inline constexpr ErrorKind shared_page{"shared-page", 6};
inline constexpr ErrorKind msix_table{"msix-table", 6};
inline constexpr ErrorKind driver_bound{"driver-bound", 6};
inline constexpr ErrorKind dma_capable{"dma-capable", 6};
inline constexpr ErrorKind decode_off{"decode-off", 6};
inline constexpr ErrorKind xen_reserved{"xen-reserved", 6};
inline constexpr ErrorKind not_mmio{"not-mmio", 6};
inline constexpr ErrorKind bar_rom{"bar-rom", 6};
inline constexpr ErrorKind critical_device{"critical-device", 6};
inline constexpr ErrorKind config_mirror{"config-mirror", 6};
inline constexpr ErrorKind device_changed{"device-changed", 6};
// 7: a limit
inline constexpr ErrorKind gnttab_full{"gnttab-full", 7};
inline constexpr ErrorKind module_limit{"module-limit", 7};
inline constexpr ErrorKind maptrack_full{"maptrack-full", 7};
inline constexpr ErrorKind xenstore_quota{"xenstore-quota", 7};
// 8: too slow
inline constexpr ErrorKind peer_timeout{"peer-timeout", 8};
inline constexpr ErrorKind timeout{"timeout", 8};
// 9: the machine is not ready for it
inline constexpr ErrorKind bar_unassigned{"bar-unassigned", 9};
inline constexpr ErrorKind dead_device{"dead-device", 9};
inline constexpr ErrorKind segment_too_wide{"segment-too-wide", 9};
inline constexpr ErrorKind frame_too_wide{"frame-too-wide", 9};
inline constexpr ErrorKind not_dom0{"not-dom0", 9};
inline constexpr ErrorKind not_xen{"not-xen", 9};
inline constexpr ErrorKind no_module{"no-module", 9};
inline constexpr ErrorKind no_hv_support{"no-hv-support", 9};
inline constexpr ErrorKind no_xenstore{"no-xenstore", 9};
inline constexpr ErrorKind protocol_mismatch{"protocol-mismatch", 9};
inline constexpr ErrorKind read_only_unsupported{"read-only-unsupported", 9};
inline constexpr ErrorKind method_unsupported{"method-unsupported", 9};
// 10 and up
inline constexpr ErrorKind partial{"partial", 10};
inline constexpr ErrorKind guest_error{"guest-error", 11};
inline constexpr ErrorKind interrupted{"interrupted", 130};
} // namespace kind

/// The one exception of this library: a kind, one line naming the mistake with the values in it,
/// and, when there is something the reader can do, a hint.
class Error : public std::runtime_error
{
public:
	using Details = std::vector<std::pair<std::string, std::string>>;

	/// Control characters in @message and @hint become '?'.
	Error(ErrorKind kind, const std::string& message, std::string hint = {});

	/// A failed system or library call: "what: strerror".  @what says what was being done, in
	/// lower case and with the values.
	static Error from_errno(int errnum, const std::string& what);

	/// Values of the message by name, for programs that read the JSON form.
	Error& with(std::string name, std::string value);

	/// The same failure with another hint.
	Error hinting(std::string hint) const;

	/// Says that something has changed all the same, and stays so.
	Error& after_change();

	ErrorKind kind() const { return kind_; }
	const std::string& hint() const { return hint_; }
	const Details& details() const { return details_; }
	bool changed() const { return changed_; }

private:
	ErrorKind kind_;
	std::string hint_;
	Details details_;
	bool changed_ = false;
};

} // namespace iomemgrant

#endif
