// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/audit/audit.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace iomemgrant
{

std::string_view message_id(AuditEvent event)
{
	switch (event) {
	case AuditEvent::granted:
		return "2b6a461aaa9a4581b01ca234f5bb8c28";
	case AuditEvent::refused:
		return "84fc71c713ce44828b968af6c300f414";
	case AuditEvent::overridden:
		return "b55ec49ab72b45e18aacb99047a9b91c";
	case AuditEvent::revoked:
		return "0845d4b4e3904a65af380546fa24d51a";
	case AuditEvent::kept:
		return "b384fad8a5894189bba2c367bbd1902e";
	case AuditEvent::forced:
		return "b51e89af1f7c4a59ab2b517792d3fee2";
	case AuditEvent::collected:
		return "9d72a7ffdbf749aca53d1c25c8c4569c";
	case AuditEvent::labelled:
		return "9197bd63c1804e9c9b1ad8b1c6649d48";
	}
	return "";
}

std::vector<std::pair<std::string, std::string>> audit_fields(const AuditEntry& entry)
{
	std::vector<std::pair<std::string, std::string>> fields = {
		{"MESSAGE", entry.message},
		{"MESSAGE_ID", std::string(message_id(entry.event))},
		{"RESULT", entry.result},
	};
	if (entry.domain) {
		if (!entry.domain->name.empty())
			fields.emplace_back("XEN_DOMAIN", entry.domain->name);
		fields.emplace_back("XEN_DOMID", entry.domain->id.str());
		if (entry.domain->uuid.known())
			fields.emplace_back("XEN_UUID", entry.domain->uuid.str());
	}
	if (entry.region) {
		const auto& region = *entry.region;
		auto range =
			fmt::format("{}/{}@{:#x}", region.sbdf.str(), region.bar, region.offset);
		if (region.length)
			range += fmt::format("+{:#x}", region.length);
		fields.emplace_back("PCI_BDF", region.sbdf.str());
		fields.emplace_back("IOMEM_RANGE", range);
	}
	if (entry.grant)
		fields.emplace_back("GRANT_ID", fmt::format("{}", entry.grant->value()));
	if (!entry.overrides.empty())
		fields.emplace_back(
			"OVERRIDES", fmt::format("{}", fmt::join(entry.overrides.names(), ",")));
	return fields;
}

} // namespace iomemgrant
