// SPDX-License-Identifier: LGPL-2.1-or-later
// The granting half of /dev/xen/iomemgrant.  Contract of ioctl(): -1 with errno, whose meanings
// are in xen/iomemgrant.h.
#include "lib/host/real.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <xen/iomemgrant.h>

#include "lib/values/error.h"
#include "lib/xen/handle.h"

namespace iomemgrant
{

namespace
{

struct AllowBit {
	AllowClass allow;
	std::uint32_t bit;
};

static_assert(module_api_version == IOMEMGRANT_API_VERSION);

// Only the checks the kernel makes have a bit.
constexpr AllowBit allow_bits[] = {
	{AllowClass::driver_bound, IOMEMGRANT_ALLOW_DRIVER_BOUND},
	{AllowClass::dma_capable, IOMEMGRANT_ALLOW_DMA},
	{AllowClass::shared_page, IOMEMGRANT_ALLOW_SHARED_PAGE},
	{AllowClass::critical_device, IOMEMGRANT_ALLOW_CRITICAL},
	{AllowClass::decode_off, IOMEMGRANT_ALLOW_DECODE_OFF},
};

std::uint32_t encode_allow(const AllowSet& allow)
{
	std::uint32_t bits = 0;
	for (const auto& entry : allow_bits)
		bits |= allow.has(entry.allow) ? entry.bit : 0;
	return bits;
}

AllowSet decode_allow(std::uint32_t bits, std::uint32_t flags)
{
	AllowSet allow;
	for (const auto& entry : allow_bits) {
		if (bits & entry.bit)
			allow.add(entry.allow);
	}
	if (flags & IOMEMGRANT_SHARE)
		allow.add(AllowClass::overlap);
	return allow;
}

struct Refusal {
	int errnum;
	GrantRefused::Reason reason;
};

constexpr Refusal refusals[] = {
	{EEXIST, GrantRefused::Reason::granted_already},
	{EBUSY, GrantRefused::Reason::busy_bar},
	{EACCES, GrantRefused::Reason::dma_capable},
	{EHOSTDOWN, GrantRefused::Reason::decode_off},
	{EPERM, GrantRefused::Reason::permission},
	{EMEDIUMTYPE, GrantRefused::Reason::cache_conflict},
	{ENOTUNIQ, GrantRefused::Reason::shared_page},
	{EOVERFLOW, GrantRefused::Reason::frame_too_wide},
	{EADDRNOTAVAIL, GrantRefused::Reason::not_mmio},
	{EFBIG, GrantRefused::Reason::too_many_pages},
	{EDQUOT, GrantRefused::Reason::too_many_refs},
	{ENOSPC, GrantRefused::Reason::gnttab_full},
	{ESRCH, GrantRefused::Reason::no_domain},
	{ENODEV, GrantRefused::Reason::no_device},
	{ENXIO, GrantRefused::Reason::bar_unassigned},
	{EOPNOTSUPP, GrantRefused::Reason::no_hv_support},
	{EALREADY, GrantRefused::Reason::label_taken},
};

[[noreturn]] void refuse_grant(int errnum, const GrantRequest& request)
{
	const auto& region = request.region;
	const auto error = Error::from_errno(errnum,
		fmt::format("grant {:#x}+{:#x} of {} BAR{} to domain {}", region.offset,
			region.length, region.sbdf.str(), region.bar, request.domid.value()));
	for (const auto& refusal : refusals) {
		if (refusal.errnum == errnum)
			throw GrantRefused(refusal.reason, error);
	}
	throw Error(error);
}

Grant::State decode_state(std::uint32_t state)
{
	switch (state) {
	case IOMEMGRANT_LOST:
		return Grant::State::lost;
	case IOMEMGRANT_ENDING:
		return Grant::State::ending;
	default:
		return Grant::State::live;
	}
}

std::optional<Grant::LostReason> decode_lost_reason(std::uint32_t reason)
{
	switch (reason) {
	case IOMEMGRANT_LOST_DEVICE_GONE:
		return Grant::LostReason::device_gone;
	case IOMEMGRANT_LOST_MOVED:
		return Grant::LostReason::moved;
	case IOMEMGRANT_LOST_DRIVER_LEFT:
		return Grant::LostReason::driver_left;
	case IOMEMGRANT_LOST_DRIVER_CAME:
		return Grant::LostReason::driver_came;
	case IOMEMGRANT_LOST_ASSIGNED:
		return Grant::LostReason::assigned;
	default:
		return std::nullopt;
	}
}

Grant::Changes decode_changes(std::uint32_t bits)
{
	return {
		.bus_master = (bits & IOMEMGRANT_CHANGED_BUS_MASTER) != 0,
		.decode_off = (bits & IOMEMGRANT_CHANGED_DECODE_OFF) != 0,
		.not_d0 = (bits & IOMEMGRANT_CHANGED_NOT_D0) != 0,
		.bar_register = (bits & IOMEMGRANT_CHANGED_BAR_REGISTER) != 0,
		.mappable = (bits & IOMEMGRANT_CHANGED_MAPPABLE) != 0,
	};
}

std::optional<Label> decode_label(const char (&label)[IOMEMGRANT_LABEL_SIZE])
{
	return Label::parse({label, strnlen(label, sizeof(label))});
}

// Zeroes the rest, and with it the NUL byte: a Label is shorter than its field.
void encode_label(const std::optional<Label>& label, char (&field)[IOMEMGRANT_LABEL_SIZE])
{
	std::fill(std::begin(field), std::end(field), '\0');
	if (label)
		label->str().copy(field, sizeof(field) - 1);
}

Grant decode(const iomemgrant_entry& entry)
{
	Grant grant;
	grant.id = GrantId(entry.id);
	grant.domid = Domid(entry.domid);
	Uuid::Bytes uuid;
	std::copy(std::begin(entry.uuid), std::end(entry.uuid), uuid.begin());
	grant.uuid = Uuid(uuid);
	grant.region = {{entry.segment, entry.bus, static_cast<std::uint8_t>(entry.devfn >> 3),
				static_cast<std::uint8_t>(entry.devfn & 7)},
		entry.bar, entry.offset, entry.length};
	grant.state = decode_state(entry.state);
	grant.refs = {entry.first_ref, entry.nr_refs};
	grant.address = entry.address;
	if (entry.nr_mapped != std::numeric_limits<std::uint32_t>::max())
		grant.nr_mapped = entry.nr_mapped;
	grant.device_id = {
		entry.vendor, entry.device, entry.subsystem_vendor, entry.subsystem_device};
	grant.persistent = entry.flags & IOMEMGRANT_PERSIST;
	grant.allow = decode_allow(entry.allow, entry.flags);
	grant.uid = entry.uid;
	grant.created = std::chrono::sys_time<std::chrono::nanoseconds>(
		std::chrono::nanoseconds(entry.created));
	grant.age = std::chrono::nanoseconds(entry.age);
	grant.lost_reason = decode_lost_reason(entry.lost_reason);
	grant.changes = decode_changes(entry.changes);
	grant.cache = entry.cache == IOMEMGRANT_CACHE_WC ? Cache::write_combining : Cache::uncached;
	grant.label = decode_label(entry.label);
	return grant;
}

Error no_grant(GrantId id)
{
	return Error(kind::no_grant, fmt::format("no grant {}", id.str()), "xen-iomemgrant list");
}

class RealGrantDevice final : public GrantDevice
{
public:
	explicit RealGrantDevice(UniqueFd fd) : fd_(std::move(fd)) {}

	ModuleInfo info() override
	{
		iomemgrant_info info{};
		info.size = sizeof(info);
		call(IOMEMGRANT_IOC_INFO, &info, "ask the module what it can do");
		return {
			.api_version = info.api_version,
			.can_grant = (info.caps & IOMEMGRANT_CAP_GRANT) != 0,
			.hypervisor_support = (info.caps & IOMEMGRANT_CAP_HYPERVISOR) != 0,
			.translated = (info.caps & IOMEMGRANT_CAP_TRANSLATED) != 0,
			.counts_mapped = (info.caps & IOMEMGRANT_CAP_MAPPED_COUNT) != 0,
			.locked_down = (info.caps & IOMEMGRANT_CAP_LOCKED_DOWN) != 0,
			.gnttab_version = info.gnttab_version,
			.max_pages = info.max_pages,
			.max_refs = info.max_refs,
			.nr_refs = info.nr_refs,
			.nr_grants = info.nr_grants,
			// An older module leaves these fields alone, and has the default.
			.headroom = info.refs_per_frame ? info.headroom : ModuleInfo().headroom,
		};
	}

	Grant grant(const GrantRequest& request) override
	{
		const auto& region = request.region;
		iomemgrant_grant grant{};
		grant.size = sizeof(grant);
		grant.flags = IOMEMGRANT_PERSIST;
		if (request.allow.has(AllowClass::overlap))
			grant.flags |= IOMEMGRANT_SHARE;
		// No larger one passes the checks of the library.
		if (region.sbdf.segment > std::numeric_limits<__u16>::max())
			refuse_grant(ENODEV, request);
		grant.segment = static_cast<__u16>(region.sbdf.segment);
		grant.bus = region.sbdf.bus;
		grant.devfn = region.sbdf.devfn();
		grant.bar = static_cast<__u8>(region.bar);
		grant.domid = request.domid.value();
		grant.offset = region.offset;
		grant.length = region.length;
		grant.allow = encode_allow(request.allow);
		grant.min_id = request.min_id.value();
		grant.cache = request.cache == Cache::write_combining ? IOMEMGRANT_CACHE_WC
								      : IOMEMGRANT_CACHE_UC;
		encode_label(request.label, grant.label);
		if (ioctl(fd_.get(), IOMEMGRANT_IOC_GRANT, &grant) < 0)
			refuse_grant(errno, request);

		Grant made;
		made.id = GrantId(grant.id);
		made.domid = request.domid;
		made.region = region;
		made.refs = {grant.first_ref, grant.nr_refs};
		made.persistent = true;
		made.allow = request.allow;
		made.cache = request.cache;
		made.label = request.label;
		return made;
	}

	Ended end(GrantId id) override
	{
		iomemgrant_end end{};
		end.size = sizeof(end);
		end.id = id.value();
		if (ioctl(fd_.get(), IOMEMGRANT_IOC_END, &end) == 0)
			return end.state == IOMEMGRANT_ENDING ? Ended::still_mapped : Ended::yes;
		const int errnum = errno;
		if (errnum == EBUSY)
			return Ended::still_mapped;
		if (errnum == ENOENT)
			throw no_grant(id);
		throw Error::from_errno(errnum, fmt::format("end grant {}", id.str()));
	}

	void set_label(GrantId id, const std::optional<Label>& label) override
	{
		iomemgrant_label request{};
		request.size = sizeof(request);
		request.id = id.value();
		encode_label(label, request.label);
		if (ioctl(fd_.get(), IOMEMGRANT_IOC_LABEL, &request) == 0)
			return;
		const int errnum = errno;
		if (errnum == ENOENT)
			throw no_grant(id);
		if (errnum == EALREADY && label)
			throw Error(kind::label_in_use,
				fmt::format("another grant of the domain has the label '{}'",
					label->str()),
				"xen-iomemgrant list");
		throw Error::from_errno(errnum, fmt::format("label grant {}", id.str()));
	}

	std::vector<Grant> list() override
	{
		// Grants may come and go between two calls: ask again until all fitted.
		std::vector<iomemgrant_entry> entries(64);
		while (true) {
			iomemgrant_list list{};
			list.size = sizeof(list);
			list.nr = static_cast<__u32>(entries.size());
			list.entries = reinterpret_cast<std::uintptr_t>(entries.data());
			list.entry_size = sizeof(iomemgrant_entry);
			call(IOMEMGRANT_IOC_LIST, &list, "list grants");
			const bool all = list.nr <= entries.size();
			entries.resize(all ? list.nr : list.nr + 16);
			if (all)
				break;
		}
		std::vector<Grant> grants;
		std::transform(entries.begin(), entries.end(), std::back_inserter(grants), decode);
		return grants;
	}

	int fd() const override { return fd_.get(); }

private:
	void call(unsigned long request, void* argument, const std::string& what)
	{
		if (ioctl(fd_.get(), request, argument) < 0)
			throw Error::from_errno(errno, what);
	}

	UniqueFd fd_;
};

} // namespace

std::unique_ptr<GrantDevice> open_grant_device()
{
	UniqueFd fd(open(IOMEMGRANT_DEVICE, O_RDWR | O_CLOEXEC));
	const int errnum = errno;
	if (fd.get() >= 0)
		return std::make_unique<RealGrantDevice>(std::move(fd));
	if (errnum == ENOENT || errnum == ENODEV || errnum == ENXIO)
		throw Error(kind::no_module, IOMEMGRANT_DEVICE " is missing",
			"modprobe xen_iomemgrant");
	throw Error::from_errno(errnum, "open " IOMEMGRANT_DEVICE);
}

} // namespace iomemgrant
