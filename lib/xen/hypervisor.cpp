// SPDX-License-Identifier: LGPL-2.1-or-later
// This is the one file that sees libxenctrl, whose ABI changes with every Xen; it keeps to
// what 4.17 and all later releases have.  A function of that library returns -1 or NULL with errno,
// or a count. xc_domain_getinfolist() starts with the next domain when no domain has the number
// asked for.
#include "lib/host/real.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
// The headers of these libraries do not say themselves that they are C.
extern "C" {
#include <xenctrl.h>
}

#include "lib/values/error.h"
#include "lib/xen/handle.h"
#include "lib/xen/hypfs.h"
#include "lib/xen/libxl_config.h"
#include "lib/xen/logger.h"

namespace iomemgrant
{

namespace
{

using XcHandle = std::unique_ptr<xc_interface, Releaser<xc_interface_close>>;

DomainType type_of(const xc_domaininfo_t& info)
{
	if (!(info.flags & XEN_DOMINF_hvm_guest))
		return DomainType::pv;
	// A PVH guest has a local APIC and nothing else of a PC.
	const auto emulated = info.arch_config.emulation_flags;
	return emulated & ~static_cast<std::uint32_t>(XEN_X86_EMU_LAPIC) ? DomainType::hvm
									 : DomainType::pvh;
}

DomainInfo decode(const xc_domaininfo_t& info)
{
	const auto reason = info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	DomainInfo domain;
	domain.id = Domid(info.domain);
	Uuid::Bytes uuid;
	std::copy(std::begin(info.handle), std::end(info.handle), uuid.begin());
	domain.uuid = Uuid(uuid);
	domain.type = type_of(info);
	domain.dying = info.flags & XEN_DOMINF_dying;
	domain.paused = info.flags & XEN_DOMINF_paused;
	domain.shutdown = info.flags & XEN_DOMINF_shutdown;
	domain.suspended = domain.shutdown && reason == SHUTDOWN_suspend;
	return domain;
}

class RealHypervisor final : public Hypervisor
{
public:
	explicit RealHypervisor(LogSink log)
		: logger_(std::move(log)),
		  handle_(xc_interface_open(logger_.get(), logger_.get(), 0))
	{
		const int errnum = errno;
		if (handle_)
			return;
		if (errnum == EACCES || errnum == EPERM)
			throw Error::from_errno(errnum, "open /dev/xen/privcmd");
		throw Error(kind::not_xen, "no hypercalls: /dev/xen/privcmd cannot be opened",
			"modprobe xen-privcmd");
	}

	XenInfo info() override
	{
		const int version = xc_version(handle_.get(), XENVER_version, nullptr);
		if (version < 0)
			throw Error::from_errno(errno, "ask Xen for its version");
		xen_extraversion_t extra{};
		if (xc_version(handle_.get(), XENVER_extraversion, &extra) < 0)
			throw Error::from_errno(errno, "ask Xen for its version");
		xc_physinfo_t physinfo{};
		if (xc_physinfo(handle_.get(), &physinfo) < 0)
			throw Error::from_errno(errno, "ask Xen what the machine can do");
		extra[sizeof(extra) - 1] = 0;
		xen_commandline_t line{};
		// Only for giving better advice.
		(void)xc_version(handle_.get(), XENVER_commandline, &line);
		line[sizeof(line) - 1] = 0;
		return {
			.version = fmt::format("{}.{}{}", version >> 16, version & 0xffff, extra),
			.iommu = (physinfo.capabilities & XEN_SYSCTL_PHYSCAP_directio) != 0,
			.command_line = line,
		};
	}

	std::optional<DomainInfo> domain(Domid id) override
	{
		xc_domaininfo_t info{};
		const int count = xc_domain_getinfolist(handle_.get(), id.value(), 1, &info);
		if (count < 0)
			throw Error::from_errno(
				errno, fmt::format("look up domain {}", id.value()));
		if (count < 1 || info.domain != id.value())
			return std::nullopt;
		return decode(info);
	}

	std::vector<DomainInfo> domains() override
	{
		std::vector<DomainInfo> found;
		xc_domaininfo_t info[64];
		std::uint32_t next = 0;
		while (true) {
			const int count =
				xc_domain_getinfolist(handle_.get(), next, std::size(info), info);
			if (count < 0)
				throw Error::from_errno(errno, "list domains");
			for (int i = 0; i < count; i++) {
				if (info[i].domain < Domid::first_reserved)
					found.push_back(decode(info[i]));
			}
			if (count < static_cast<int>(std::size(info)))
				return found;
			next = info[count - 1].domain + 1U;
		}
	}

	GrantTableSize grant_table(Domid id) override
	{
		gnttab_query_size query{};
		query.dom = id.value();
		if (xc_gnttab_query_size(handle_.get(), &query) < 0 || query.status != GNTST_okay)
			throw Error(kind::io_error,
				fmt::format(
					"Xen does not tell the grant table size of domain {} ({})",
					id.value(), query.status));
		return {query.nr_frames, query.max_nr_frames};
	}

	std::optional<MaptrackLimit> maptrack_limit(const DomainInfo& domain) override
	{
		using Source = MaptrackLimit::Source;
		if (const auto frames = configured_maptrack_frames(domain))
			return MaptrackLimit{*frames, Source::domain_config};
		if (const auto frames = read_parameter(logger_, "gnttab_max_maptrack_frames"))
			return MaptrackLimit{*frames, Source::xen_default};
		return std::nullopt;
	}

	std::vector<MachineRange> configured_iomem(const DomainInfo& domain) override
	{
		return iomemgrant::configured_iomem(domain);
	}

	std::uint64_t populate_on_demand(Domid id) override
	{
		std::uint64_t all = 0, cached = 0, entries = 0;
		// A domain for which Xen cannot answer has none.
		if (xc_domain_get_pod_target(handle_.get(), id.value(), &all, &cached, &entries) <
			0)
			return 0;
		return entries;
	}

private:
	Logger logger_;
	XcHandle handle_;
};

} // namespace

std::unique_ptr<Hypervisor> open_hypervisor(LogSink log)
{
	return std::make_unique<RealHypervisor>(std::move(log));
}

} // namespace iomemgrant
