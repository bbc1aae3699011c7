// SPDX-License-Identifier: LGPL-2.1-or-later
// The granting half of /dev/xen/iomemgrant.  Contract of ioctl(): -1 with errno, whose meanings
// are in xen/iomemgrant.h and become words in the refusal code above.
#include <iomemgrant/real.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <xen/iomemgrant.h>

#include <iomemgrant/error.h>

#include "handle.h"

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
	return grant;
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
		grant.segment = region.sbdf.segment;
		grant.bus = region.sbdf.bus;
		grant.devfn = region.sbdf.devfn();
		grant.bar = static_cast<__u8>(region.bar);
		grant.domid = request.domid.value();
		grant.offset = region.offset;
		grant.length = region.length;
		grant.allow = encode_allow(request.allow);
		call(IOMEMGRANT_IOC_GRANT, &grant,
			fmt::format("grant {:#x}+{:#x} of {} BAR{} to domain {}", region.offset,
				region.length, region.sbdf.str(), region.bar,
				request.domid.value()));

		Grant made;
		made.id = GrantId(grant.id);
		made.domid = request.domid;
		made.region = region;
		made.refs = {grant.first_ref, grant.nr_refs};
		made.persistent = true;
		made.allow = request.allow;
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
			throw Error(kind::no_grant, fmt::format("no grant {}", id.str()),
				"xen-iomemgrant list");
		throw Error::from_errno(errnum, fmt::format("end grant {}", id.str()));
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
			"modprobe xen_iomemgrant (package xen-iomemgrant-dkms)");
	throw Error::from_errno(errnum, "open " IOMEMGRANT_DEVICE);
}

} // namespace iomemgrant
