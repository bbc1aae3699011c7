// SPDX-License-Identifier: LGPL-2.1-or-later
#include <iomemgrant/granter.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iomemgrant/error.h>
#include <iomemgrant/publisher.h>
#include <iomemgrant/revoker.h>

#include "grant_record.h"
#include "refusals.h"

namespace iomemgrant
{

namespace
{

using std::chrono::milliseconds;

// A guest that dies makes no event in its own directory.
constexpr milliseconds longest_nap{500};
// How long a guest that has mapped pages may take to give them back when a grant is rolled back.
constexpr milliseconds rollback_limit{2000};

std::string seconds(milliseconds limit)
{
	return fmt::format("{:g}s", static_cast<double>(limit.count()) / 1000);
}

// The reason a grant was rolled back, and what that left behind, if anything.
Error taken_back(const Error& reason, const std::vector<std::string>& leftovers)
{
	if (leftovers.empty())
		return reason;
	return {reason.kind(), fmt::format("{}; {}", reason.what(), fmt::join(leftovers, "; ")),
		"xen-iomemgrant list shows what is left, xen-iomemgrant revoke takes it back"};
}

Publication publication_of(
	const Grant& grant, const DomainInfo& domain, const GrantOptions& options)
{
	Publication publication;
	publication.refs = {grant.refs};
	publication.nr_pages = grant.region.nr_pages();
	publication.cache = options.cache;
	publication.label = options.label;
	publication.uuid = domain.uuid;
	publication.region = grant.region;
	return publication;
}

} // namespace

/// Grants made but not yet safe: taken back unless kept.
class Granter::Pending
{
public:
	explicit Pending(Host& host) : host_(host) {}
	Pending(const Pending&) = delete;
	Pending& operator=(const Pending&) = delete;
	~Pending()
	{
		try {
			(void)roll_back(); // what remains is in `list`
		} catch (...) {
			// Nothing can be thrown from here; `list` shows what is left and `revoke`
			// repeats what failed.
		}
	}

	void add(Grant grant) { grants_.push_back(std::move(grant)); }
	void published() { published_ = true; }
	void keep() { grants_.clear(); }
	const std::vector<Grant>& grants() const { return grants_; }

	PublicationPath path(const Grant& grant) const
	{
		return {host_.self, grant.domid, grant.id};
	}

	/// Takes everything back.  Returns in words what could not be, or not yet.
	std::vector<std::string> roll_back()
	{
		std::vector<std::string> leftovers;
		for (const auto& grant : std::exchange(grants_, {})) {
			try {
				take_back(grant);
			} catch (const Error& error) {
				leftovers.push_back(error.kind() == kind::still_mapped
						? fmt::format("{} is still mapped and ends when the "
							      "guest lets go",
							  grant.id.str())
						: fmt::format("{} could not be taken back ({})",
							  grant.id.str(), error.what()));
			}
		}
		return leftovers;
	}

private:
	void take_back(const Grant& grant)
	{
		host_.trace(fmt::format("{}: rolling back", grant.id.str()));
		GrantStatus status;
		status.grant = grant;
		status.in_kernel = true;
		status.domain.id = grant.domid;
		status.domain_alive = true;
		status.published = published_;
		// The user's wish to stop has been heard; it must not stop the cleaning up too.
		Host patient = host_;
		patient.checkpoint = [] {};
		// What is recorded is that the grant was refused, once.
		patient.audit = [](const AuditEntry&) {};
		if (!published_) {
			if (host_.device.end(grant.id) == GrantDevice::Ended::yes)
				return;
		}
		try {
			RevokeOptions options;
			options.limit = rollback_limit;
			(void)Revoker(patient).revoke(status, options);
		} catch (const Error& error) {
			if (error.kind() != kind::still_mapped)
				end_regardless(grant.id);
			throw;
		}
	}

	// XenStore is out of reach; that is no reason for the kernel to go on granting.
	void end_regardless(GrantId id)
	{
		try {
			(void)host_.device.end(id); // if mapped, the kernel frees it later
		} catch (const Error&) {
			// Ended already, or this fails too; the caller reports what failed first.
		}
	}

	Host& host_;
	std::vector<Grant> grants_;
	bool published_ = false;
};

GrantOutcome Granter::grant(const DomainSpec& domain_spec, const std::vector<RegionSpec>& specs,
	const GrantOptions& options)
{
	GrantRecord record(host_, domain_spec, specs, options);
	try {
		auto outcome = attempt(domain_spec, specs, options, record);
		record.granted(outcome);
		return outcome;
	} catch (const Error& error) {
		record.refused(error);
		throw;
	}
}

GrantOutcome Granter::attempt(const DomainSpec& domain_spec, const std::vector<RegionSpec>& specs,
	const GrantOptions& options, GrantRecord& record)
{
	const auto judgement = judge_all(host_, domains_, domain_spec, specs, options);
	const auto& domain = judgement.domain;
	record.concerns(domain);
	if (judgement.granted) {
		GrantOutcome outcome;
		outcome.grants = *judgement.granted;
		outcome.changed = false;
		return outcome;
	}
	const auto candidates = accepted(judgement, record);
	if (options.dry_run)
		return rehearsal(domain, candidates, options);

	Pending pending(host_);
	std::vector<std::pair<PublicationPath, Publication>> publications;
	for (const auto& candidate : candidates) {
		host_.checkpoint();
		host_.trace(fmt::format("granting {} BAR{} {:#x}+{:#x} to {}",
			candidate.region.sbdf.str(), candidate.region.bar, candidate.region.offset,
			candidate.region.length, describe(domain)));
		try {
			auto allow = options.allow;
			allow.add(host_.policy().overrides(candidate.device));
			pending.add(host_.device.grant({domain.id, candidate.region, allow}));
		} catch (const Error& error) {
			throw explain_refusal(host_, domains_, error, candidate, domain);
		}
		const auto& made = pending.grants().back();
		publications.emplace_back(
			pending.path(made), publication_of(made, domain, options));
	}
	// The domain may have gone, and its id with it, since it was looked up.
	const auto now = host_.hypervisor.domain(domain.id);
	if (!now || now->uuid != domain.uuid || now->dying)
		throw Error(kind::no_domain, fmt::format("domain {} is gone", describe(domain)));
	host_.checkpoint();
	host_.trace("publishing in XenStore");
	pending.published();

	GrantOutcome outcome;
	try {
		publish(host_.store, publications);
		if (options.wait)
			outcome.mapped_after = await_mapped(domain, pending, *options.wait);
		outcome.grants = inspect_all(pending);
		host_.checkpoint();
	} catch (const Error& error) {
		throw taken_back(error, pending.roll_back());
	}
	for (const auto& candidate : candidates) {
		if (options.cache == Cache::write_combining && !candidate.bar().prefetchable)
			outcome.warnings.push_back(fmt::format(
				"BAR{} is not prefetchable; write-combining may reorder or merge "
				"writes to registers",
				candidate.region.bar));
	}
	pending.keep();
	return outcome;
}

// Throws the first thing that speaks against a region.
std::vector<Candidate> Granter::accepted(const Judgement& judgement, GrantRecord& record)
{
	std::vector<Candidate> candidates;
	for (const auto& verdict : judgement.verdicts) {
		if (const auto* refusal = verdict.refusal())
			throw Error(*refusal);
		for (const auto& finding : verdict.findings) {
			host_.trace(fmt::format("{} [{}]: overridden", finding.error.what(),
				finding.error.kind().slug));
			record.overridden(verdict.candidate->region, finding.error);
		}
		candidates.push_back(*verdict.candidate);
	}
	return candidates;
}

GrantOutcome Granter::rehearsal(const DomainInfo& domain,
	const std::vector<Candidate>& candidates, const GrantOptions& options)
{
	GrantOutcome outcome;
	for (const auto& candidate : candidates) {
		GrantStatus status;
		status.grant.domid = domain.id;
		status.grant.uuid = domain.uuid;
		status.grant.region = candidate.region;
		status.grant.address = candidate.address();
		status.grant.device_id = candidate.device.id;
		status.device_present = true;
		status.in_kernel = true;
		status.published = true;
		status.domain = domain;
		status.domain_alive = true;
		status.cache = options.cache;
		status.label = options.label;
		outcome.grants.push_back(std::move(status));
	}
	return outcome;
}

std::vector<GrantStatus> Granter::inspect_all(const Pending& pending)
{
	std::vector<GrantStatus> found;
	for (const auto& grant : host_.device.list()) {
		for (const auto& made : pending.grants()) {
			if (made.id == grant.id)
				found.push_back(inspect(host_, domains_, grant));
		}
	}
	return found;
}

milliseconds Granter::await_mapped(
	const DomainInfo& domain, const Pending& pending, milliseconds limit)
{
	const auto start = host_.now();
	const auto deadline = start + limit;
	std::vector<PublicationPath> waiting;
	std::vector<std::unique_ptr<XenStoreWatch>> watches;
	// Watch first, then read: whatever happens in between wakes us.
	for (const auto& grant : pending.grants()) {
		waiting.push_back(pending.path(grant));
		watches.push_back(host_.store.watch(waiting.back().frontend("state")));
	}
	watches.push_back(host_.store.watch("@releaseDomain"));
	while (true) {
		std::erase_if(waiting, [&](const PublicationPath& path) {
			const auto reply = decode_frontend([&](std::string_view key) {
				return host_.store.read(path.frontend(key));
			});
			require_progress(domain, path, reply);
			return reply.state == XenbusState::connected;
		});
		const auto now = host_.now();
		if (waiting.empty())
			return std::chrono::duration_cast<milliseconds>(now - start);
		const auto left = std::chrono::ceil<milliseconds>(deadline - now);
		if (left <= milliseconds(0))
			break;
		(void)host_.store.wait(std::min(left, longest_nap)); // event or not, look again
		host_.checkpoint();
	}
	throw Error(kind::peer_timeout,
		fmt::format("{} did not map {} within {}; grant withdrawn", short_name(domain),
			waiting.front().id().str(), seconds(limit)),
		"is xen-iomemagent running in the guest? --no-wait leaves the offer open")
		.with("domain", short_name(domain));
}

void Granter::require_progress(
	const DomainInfo& domain, const PublicationPath& path, const GuestReply& reply)
{
	if (!reply.error.empty() || reply.state == XenbusState::closed)
		throw Error(kind::guest_error,
			fmt::format("{} could not map {}: {}; grant withdrawn", short_name(domain),
				path.id().str(),
				reply.error.empty() ? "it gave no reason" : reply.error),
			"xen-iomemagent doctor in the guest tells more")
			.with("domain", short_name(domain));
	const auto now = host_.hypervisor.domain(domain.id);
	if (!now || now->dying)
		throw Error(kind::domain_dying,
			fmt::format("domain {} died before it mapped {}", describe(domain),
				path.id().str()));
}

} // namespace iomemgrant
