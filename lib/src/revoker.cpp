// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/revoker.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <iomemgrant/publisher.h>

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

// Xen's count may drop without any XenStore event, so nobody sleeps longer than this at a time.
constexpr milliseconds longest_nap{250};
// How long Xen may take to tear down a domain that the toolstack has destroyed.
constexpr milliseconds destroy_limit{60000};

// What is said of a grant that the kernel has ended without XenStore.
const std::pair<std::string, std::string> ended_alone{"ended", "true"};

std::string seconds(milliseconds limit)
{
	return fmt::format("{:g}s", static_cast<double>(limit.count()) / 1000);
}

// What a mapping consists of, and why a fence leaves it where it is.
std::string_view leftovers(DomainType type)
{
	return type == DomainType::pv ? "its page table entries stay" : "its physmap entries stay";
}

} // namespace

std::string_view to_string(Rung rung)
{
	switch (rung) {
	case Rung::cooperative:
		return "cooperative";
	case Rung::fence:
		return "fence";
	case Rung::disable_decode:
		return "disable-decode";
	case Rung::destroy_domain:
		return "destroy-domain";
	}
	return "unknown";
}

Rung parse_force(std::string_view text)
{
	for (const auto rung : {Rung::fence, Rung::disable_decode, Rung::destroy_domain}) {
		if (text == to_string(rung))
			return rung;
	}
	throw Error(kind::usage,
		fmt::format("--force: '{}' is not fence, disable-decode or destroy-domain", text));
}

std::optional<Rung> Revoker::revoke(const GrantStatus& status, const RevokeOptions& options)
{
	host_.checkpoint();
	try {
		const auto rung = climb(status, options);
		record(AuditEvent::revoked, status, "revoked",
			rung ? fmt::format("revoked, rung {}", to_string(*rung)) : "revoked");
		return rung;
	} catch (Error& error) {
		// At the least the guest has been asked.
		error.after_change();
		const bool ended = std::ranges::find(error.details(), ended_alone) !=
			error.details().end();
		record(ended ? AuditEvent::revoked : AuditEvent::kept, status, error.kind().slug,
			error.what());
		throw;
	}
}

std::optional<Rung> Revoker::climb(const GrantStatus& status, const RevokeOptions& options)
{
	try {
		return climb_with_guest(status, options);
	} catch (const Error& error) {
		if (error.kind() != kind::no_xenstore || !status.in_kernel)
			throw;
		throw end_alone(status, options, error);
	}
}

// Nobody can be asked or told any more, which is no reason for the kernel to go on granting.
Error Revoker::end_alone(
	const GrantStatus& status, const RevokeOptions& options, const Error& no_xenstore)
{
	auto progress = end(status);
	const bool cut_off =
		progress == Progress::still_mapped && options.force == Rung::disable_decode;
	if (cut_off)
		progress = force(status, options);
	const bool ended = progress == Progress::ended;
	Error error(no_xenstore.kind(),
		fmt::format("{}; {} {}", no_xenstore.what(), status.grant.id.str(),
			ended     ? "is ended, what XenStore says of it stays"
			: cut_off ? "is cut off, and ends when its pages are let go"
				  : "ends when its pages are let go"),
		no_xenstore.hint());
	error.with("grant", status.grant.id.str());
	if (ended)
		error.with(ended_alone.first, ended_alone.second);
	return error;
}

// The order matters to whoever is killed in between: what asks the guest comes before what ends
// the grant, and the publication goes last, so that the next revocation finds what is left.
std::optional<Rung> Revoker::climb_with_guest(
	const GrantStatus& seen, const RevokeOptions& options)
{
	const auto path = seen.path(host_.self);
	auto status = seen;
	std::optional<Rung> rung;

	// Whoever grants it may have published it since it was looked at.
	status.published = seen.published || host_.store.read(path.backend("state"));
	const bool held = status.in_kernel && holds(status);
	if (status.published) {
		host_.trace(fmt::format("{}: asking {} to let go", status.grant.id.str(),
			describe(status.domain)));
		announce_closing(host_.store, path);
	}
	if (status.in_kernel && ask(status, options.limit) == Progress::still_mapped) {
		if (options.force == Rung::cooperative ||
			force(status, options) == Progress::still_mapped)
			throw still_mapped(status, options);
		rung = options.force;
	} else if (held && is_alive(status)) {
		rung = Rung::cooperative;
	}
	host_.trace(fmt::format(
		"{}: ended; withdrawing it from XenStore", status.grant.id.str()));
	withdraw(host_.store, {path});
	return rung;
}

bool Revoker::is_alive(const GrantStatus& status)
{
	const auto now = host_.hypervisor.domain(status.grant.domid);
	return status.domain_alive && now && !now->dying && now->uuid == status.domain.uuid;
}

// Whether the guest has taken the offer.
bool Revoker::holds(const GrantStatus& status)
{
	if (!status.published || !status.domain_alive)
		return false;
	switch (decode_state(host_.store.read(status.path(host_.self).frontend("state")))) {
	case XenbusState::connected:
	case XenbusState::closing:
		return true;
	default:
		return false;
	}
}

Revoker::Progress Revoker::ask(const GrantStatus& status, milliseconds limit)
{
	const auto deadline = host_.now() + limit;
	const auto watch = host_.store.watch(status.path(host_.self).frontend("state"));
	const auto release = host_.store.watch("@releaseDomain");
	while (true) {
		const auto left =
			std::chrono::ceil<milliseconds>(deadline - host_.now());
		const bool last = left <= milliseconds(0);
		// Ending under a guest that has the pages mapped would take nothing away from it,
		// but would turn a grant it may still give up politely into one that is ending.
		if ((last || !holds(status) || !is_alive(status)) && end(status) == Progress::ended)
			return Progress::ended;
		if (last)
			return Progress::still_mapped;
		(void)host_.store.wait(std::min(left, longest_nap)); // event or not, look again
		host_.checkpoint();
	}
}

Revoker::Progress Revoker::end(const GrantStatus& status)
{
	try {
		return host_.device.end(status.grant.id) == GrantDevice::Ended::yes
			? Progress::ended
			: Progress::still_mapped;
	} catch (const Error& error) {
		// The kernel was faster: the guest died, or an earlier end came true.
		if (error.kind() == kind::no_grant)
			return Progress::ended;
		throw;
	}
}

Revoker::Progress Revoker::force(const GrantStatus& status, const RevokeOptions& options)
{
	const auto id = status.grant.id.str();
	const auto& sbdf = status.grant.region.sbdf;

	host_.checkpoint();
	switch (options.force) {
	case Rung::cooperative:
		break;
	case Rung::fence:
		// Whatever nobody maps at this moment has been ended by now.  Nothing reaches what is
		// mapped: Xen cannot take entries out of the page tables of a PV guest, and takes
		// an entry out of a physmap (XEN_DOMCTL_memory_mapping) only where the domain has
		// permission of its own, and only at an address that nobody but the guest knows.
		host_.trace(fmt::format("{}: taking its references out of XenStore", id));
		fence(host_.store, status.path(host_.self));
		break;
	case Rung::disable_decode:
		// What was granted may be gone by now, and another device in its place.
		host_.pci.forget();
		if (const auto other = replacement(host_.pci, status.grant))
			throw device_changed(status.grant, *other);
		warn_of_others(status, options);
		host_.trace(fmt::format("{}: turning memory decoding of {} off", id, sbdf.str()));
		host_.pci.disable_memory(sbdf);
		break;
	case Rung::destroy_domain:
		// The id may be another domain's by now.
		if (is_alive(status)) {
			host_.trace(fmt::format("{}: destroying {}", id, describe(status.domain)));
			host_.destroy_domain(status.grant.domid);
		}
		break;
	}
	record(AuditEvent::forced, status, to_string(options.force),
		fmt::format("used --force={}", to_string(options.force)));
	return options.force == Rung::destroy_domain ? await_death(status) : end(status);
}

Revoker::Progress Revoker::await_death(const GrantStatus& status)
{
	const auto deadline = host_.now() + destroy_limit;
	const auto release = host_.store.watch("@releaseDomain");
	while (end(status) == Progress::still_mapped) {
		if (host_.now() >= deadline)
			return Progress::still_mapped;
		(void)host_.store.wait(longest_nap, host_.device.fd());
		host_.checkpoint();
	}
	return Progress::ended;
}

// Decoding is the device's, not the grant's.
void Revoker::warn_of_others(const GrantStatus& status, const RevokeOptions& options)
{
	const auto& sbdf = status.grant.region.sbdf;
	options.warn(fmt::format("{} stops answering all its users; accesses end in master aborts, "
				 "which a machine that reports SERR may take as fatal",
		sbdf.str()));
	for (const auto& grant : host_.device.list()) {
		if (grant.region.sbdf == sbdf && grant.id != status.grant.id)
			options.warn(fmt::format("{} of domain {} is cut off with it",
				grant.id.str(), grant.domid.value()));
	}
	if (!host_.pci.contains(sbdf))
		return;
	if (const auto& device = host_.pci.read(sbdf); device.has_active_driver())
		options.warn(fmt::format(
			"the driver {} is cut off with it", device.driver.value_or("of dom0")));
}

Error Revoker::still_mapped(const GrantStatus& status, const RevokeOptions& options)
{
	const auto total = status.grant.region.nr_pages();
	const auto& sbdf = status.grant.region.sbdf;
	auto mapped = total;
	for (const auto& grant : host_.device.list()) {
		if (grant.id == status.grant.id)
			mapped = grant.nr_mapped.value_or(static_cast<std::uint32_t>(total));
	}
	auto message = fmt::format("{} still mapped by {} ({} of {} pages) after {}",
		status.grant.id.str(), short_name(status.domain), mapped, total,
		seconds(options.limit));
	std::string hint =
		"--force=disable-decode cuts the device off; --force=destroy-domain is last resort";
	switch (options.force) {
	case Rung::cooperative:
		if (const auto now = host_.hypervisor.domain(status.grant.domid); now && now->paused)
			hint = fmt::format("it is paused and cannot let go: xl unpause {}; {}",
				short_name(status.domain), hint);
		break;
	case Rung::fence:
		message += fmt::format("; fenced: its references are out of XenStore, {}",
			leftovers(status.domain.type));
		break;
	case Rung::disable_decode:
		message += fmt::format("; cut off: {} answers no memory access", sbdf.str());
		hint = fmt::format("--force=destroy-domain is last resort; afterwards setpci -s {} "
				   "COMMAND=2:2 turns the device on again",
			sbdf.str());
		break;
	case Rung::destroy_domain:
		message += "; the domain was destroyed, but Xen is not done with it";
		hint = "xl list; the kernel ends the grant as soon as Xen is done";
		break;
	}
	return Error(kind::still_mapped, message, hint)
		.with("grant", status.grant.id.str())
		.with("mapped_pages", fmt::format("{}", mapped))
		.with("rung", std::string(to_string(options.force)));
}

void Revoker::record(AuditEvent event, const GrantStatus& status, std::string_view result,
	const std::string& what)
{
	AuditEntry entry;
	entry.event = event;
	entry.result = result;
	entry.message = fmt::format(
		"{} of {}: {}", status.grant.id.str(), describe(status.domain), what);
	entry.domain = status.domain;
	entry.region = status.grant.region;
	entry.grant = status.grant.id;
	host_.audit(entry);
}

} // namespace iomemgrant
