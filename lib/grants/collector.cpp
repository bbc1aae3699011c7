// SPDX-License-Identifier: LGPL-2.1-or-later
// Two facts keep this from taking away what is in use.  A grant's number is never used twice, and a
// publisher has made the grant before; so a publication that XenStore shows first and that the
// kernel does not know afterwards has ended for good.  And a domain whose id is gone, or names
// another UUID, does not come back.
#include "lib/grants/collector.h"

#include <fmt/format.h>

#include "lib/inventory/publication_list.h"
#include "lib/publication/publisher.h"
#include "lib/text/enum_names.h"

namespace iomemgrant
{

namespace
{

Remains remains_of(const Host& host, Remains::Kind kind, std::string reason, GrantStatus status)
{
	Remains remains;
	remains.kind = kind;
	remains.reason = std::move(reason);
	remains.path = status.path(host.self).backend();
	remains.domid = status.grant.domid;
	remains.status = std::move(status);
	return remains;
}

constexpr EnumName<Remains::Kind> kind_names[] = {
	{Remains::Kind::grant, "grant"},
	{Remains::Kind::publication, "publication"},
	{Remains::Kind::directory, "directory"},
};

} // namespace

std::string_view to_string(Remains::Kind kind)
{
	return name_in(kind_names, kind);
}

std::vector<Remains> Collector::find()
{
	// XenStore first, then the kernel: see above.
	const auto listed = list_publications(host_);
	const PublicationPaths backends(listed.begin(), listed.end());
	const auto frontends = list_frontends(backends);

	std::vector<GrantStatus> grants;
	for (const auto& grant : host_.device.list())
		grants.push_back(inspect_kernel(host_, domains_, grant));
	match_publications(host_, backends, grants);

	std::vector<Remains> found;
	PublicationPaths known;
	for (const auto& status : grants) {
		known.insert(status.path(host_.self));
		if (auto remains = examine(status))
			found.push_back(std::move(*remains));
	}
	find_publications(backends, known, found);
	find_publications(frontends, known, found);
	find_directories(found);
	return found;
}

// XenStore is asked about a grant only when, without its word, there is a reason to end it.
std::optional<Remains> Collector::examine(const GrantStatus& seen)
{
	if (!why_dead(seen))
		return std::nullopt;
	auto status = inspect(host_, domains_, seen.grant);
	auto reason = why_dead(status);
	if (!reason)
		return std::nullopt;
	return remains_of(host_, Remains::Kind::grant, std::move(*reason), std::move(status));
}

// Why a grant the kernel has is of no use any more.  Absent: it may be of use.
std::optional<std::string> Collector::why_dead(const GrantStatus& status) const
{
	const auto& grant = status.grant;
	// It belongs to an open file, so its owner lives, and the kernel ends it with the file.
	if (!grant.persistent)
		return std::nullopt;
	if (!status.domain_alive)
		return "domain gone";
	if (grant.state == Grant::State::lost) {
		// Nothing is left at the addresses that the guest may still have mapped.
		if (!status.device_present || grant.lost_reason == Grant::LostReason::moved)
			return status.device_present ? status.loss() : "device gone";
		// The device is where it was: a guest that has the pages may still work with them.
		if (grant.nr_mapped == 0U)
			return status.loss() + ", nothing mapped";
		return std::nullopt;
	}
	// A command is between granting and publishing for an instant only, unless it was killed.
	if (grant.state == Grant::State::live && !status.published && grant.age > abandoned_after)
		return "never published";
	return std::nullopt;
}

// Frontend directories that claim to belong to this granter and that no backend directory has.  The
// guest owns them; one that lies about itself loses what it made up.
PublicationPaths Collector::list_frontends(const PublicationPaths& backends)
{
	PublicationPaths frontends;
	for (const auto& domain : host_.store.directory("/local/domain")) {
		const auto domid = Domid::parse(domain);
		if (!domid)
			continue;
		for (const auto& name : host_.store.directory(PublicationPath::frontends(*domid))) {
			const auto id = GrantId::parse(name);
			if (!id || name[0] == 'g')
				continue;
			const PublicationPath path(host_.self, *domid, *id);
			if (!backends.contains(path) &&
				host_.store.read(path.frontend("backend-id")) == host_.self.str())
				frontends.insert(path);
		}
	}
	return frontends;
}

void Collector::find_publications(
	const PublicationPaths& paths, const PublicationPaths& known, std::vector<Remains>& found)
{
	for (const auto& path : paths) {
		if (known.contains(path))
			continue;
		auto status = inspect_orphan(host_, domains_, path);
		const auto* reason =
			status.domain_alive ? "the kernel has no such grant" : "domain gone";
		found.push_back(
			remains_of(host_, Remains::Kind::publication, reason, std::move(status)));
	}
}

void Collector::find_directories(std::vector<Remains>& found)
{
	const auto look = [&](Domid domid, const std::string& path) {
		if (!host_.store.directory(path).empty() || !host_.store.read(path))
			return;
		Remains remains;
		remains.kind = Remains::Kind::directory;
		remains.reason = "empty";
		remains.path = path;
		remains.domid = domid;
		found.push_back(std::move(remains));
	};
	for (const auto& domain : host_.store.directory(PublicationPath::backends(host_.self))) {
		if (const auto domid = Domid::parse(domain))
			look(*domid, PublicationPath::backends(host_.self, *domid));
	}
	look(host_.self, PublicationPath::backends(host_.self));
	for (const auto& domain : host_.store.directory("/local/domain")) {
		if (const auto domid = Domid::parse(domain))
			look(*domid, PublicationPath::frontends(*domid));
	}
}

void Collector::collect(Remains& remains)
{
	host_.checkpoint();
	try {
		remains.result = act(remains);
		record(remains);
	} catch (const Error& error) {
		if (error.kind() == kind::interrupted || error.kind() == kind::no_xenstore)
			throw;
		remains.result = Remains::Result::failed;
		remains.error = error;
	}
}

Remains::Result Collector::act(const Remains& remains)
{
	switch (remains.kind) {
	case Remains::Kind::grant:
		return end(*remains.status);
	case Remains::Kind::publication:
		host_.trace(fmt::format("withdrawing {}", remains.path));
		withdraw(host_.store, remains.status->path(host_.self));
		break;
	case Remains::Kind::directory:
		host_.trace(fmt::format("removing {} if it is still empty", remains.path));
		remove_empty_directories(host_.store, host_.self, remains.domid);
		break;
	}
	return Remains::Result::removed;
}

void Collector::record(const Remains& remains)
{
	AuditEntry entry;
	entry.event = AuditEvent::collected;
	entry.result = remains.result == Remains::Result::removed ? "removed" : "waiting";
	entry.message = fmt::format("{} {} {}: {}", entry.result, to_string(remains.kind),
		remains.status ? remains.status->grant.id.str() : remains.path, remains.reason);
	if (remains.status) {
		entry.domain = remains.status->domain;
		// The region of a publication that cannot be read has length 0.
		if (remains.status->grant.region.length)
			entry.region = remains.status->grant.region;
		entry.grant = remains.status->grant.id;
	}
	host_.audit(entry);
}

// The order of a revocation, so that one that is cut off anywhere is taken up again by any other.
Remains::Result Collector::end(const GrantStatus& status)
{
	const auto path = status.path(host_.self);
	if (status.domain_alive && status.published) {
		host_.trace(fmt::format(
			"{}: asking {} to let go", status.grant.id.str(), describe(status.domain)));
		(void)announce_closing(host_.store, path, status.backend_state);
	}
	host_.trace(fmt::format("{}: ending it", status.grant.id.str()));
	try {
		if (host_.device.end(status.grant.id) == GrantDevice::Ended::still_mapped)
			return Remains::Result::waiting;
	} catch (const Error& error) {
		// The kernel was faster.
		if (error.kind() != kind::no_grant)
			throw;
	}
	withdraw(host_.store, path);
	return Remains::Result::removed;
}

} // namespace iomemgrant
