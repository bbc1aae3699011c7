// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrantd/caretaker.h"

#include <algorithm>

#include <fmt/format.h>

namespace iomemgrant
{

namespace
{

std::string line_of(const Remains& remains)
{
	const auto name = remains.status ? fmt::format("{} of {}", remains.status->grant.id.str(),
						   describe(remains.status->domain))
					 : remains.path;
	const auto* verb = remains.result == Remains::Result::removed   ? "removed"
			   : remains.result == Remains::Result::waiting ? "waiting for"
									: "cannot remove";
	auto line =
		fmt::format("{} {} {}: {}", verb, to_string(remains.kind), name, remains.reason);
	if (remains.error)
		line += fmt::format(": {} [{}]", remains.error->what(), remains.error->kind().slug);
	return line;
}

} // namespace

std::size_t Caretaker::look(Host& host)
{
	// Remains that an earlier look reported already are waited for in silence.
	Host quiet = host;
	std::vector<AuditEntry> entries;
	quiet.audit = [&](const AuditEntry& entry) { entries.push_back(entry); };

	Collector collector(quiet);
	std::size_t failed = 0;
	std::vector<std::string> told;
	for (auto& remains : collector.find()) {
		entries.clear();
		collector.collect(remains);
		const auto line = line_of(remains);
		failed += remains.error.has_value();
		told.push_back(line);
		if (std::find(told_.begin(), told_.end(), line) != told_.end())
			continue;
		for (const auto& entry : entries)
			host.audit(entry);
		(remains.error ? complain_ : say_)(line);
	}
	told_ = std::move(told);
	return failed;
}

std::chrono::milliseconds Caretaker::next_delay()
{
	// 1, 2, 4, 8, 16, 32 s
	if (rush_ < 6)
		return settle * (1 << rush_++);
	return idle;
}

Watched::Watched(XenStore& store)
	: released(store.watch("@releaseDomain")), introduced(store.watch("@introduceDomain"))
{
}

} // namespace iomemgrant
