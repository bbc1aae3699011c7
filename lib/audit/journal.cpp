// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/audit/journal.h"

#ifdef IOMEMGRANT_JOURNAL

#include <cstdio>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

namespace iomemgrant
{

namespace
{

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string first_line(const std::string& path)
{
	std::ifstream file(path);
	std::string line;
	std::getline(file, line);
	return line;
}

// Fields for the caller.  The journal itself adds the user and name of this process only.  A login
// stays the same across su and sudo; 4294967295 is the kernel's number for no login.
Fields caller()
{
	Fields fields = {{"CALLER_UID", fmt::format("{}", getuid())}};
	if (const auto auid = first_line("/proc/self/loginuid");
		!auid.empty() && auid != "4294967295")
		fields.emplace_back("CALLER_AUID", auid);
	char tty[64];
	if (ttyname_r(STDIN_FILENO, tty, sizeof(tty)) == 0)
		fields.emplace_back("CALLER_TTY", tty);
	if (const auto comm = first_line(fmt::format("/proc/{}/comm", getppid())); !comm.empty())
		fields.emplace_back("CALLER_COMM", comm);
	return fields;
}

int priority_of(AuditEvent event)
{
	switch (event) {
	case AuditEvent::refused:
	case AuditEvent::overridden:
	case AuditEvent::kept:
	case AuditEvent::forced:
		return LOG_WARNING;
	default:
		return LOG_NOTICE;
	}
}

} // namespace

std::function<void(const AuditEntry&)> journal_sink(const std::string& identifier)
{
	return [identifier, who = caller()](const AuditEntry& entry) {
		auto fields = audit_fields(entry);
		fields.emplace_back("PRIORITY", fmt::format("{}", priority_of(entry.event)));
		fields.emplace_back("SYSLOG_IDENTIFIER", identifier);
		fields.insert(fields.end(), who.begin(), who.end());
		std::vector<std::string> texts;
		for (const auto& [key, value] : fields)
			texts.push_back(fmt::format("{}={}", key, value));
		std::vector<iovec> vector;
		for (auto& text : texts)
			vector.push_back({text.data(), text.size()});
		// See the header for why a failure is none.
		(void)sd_journal_sendv(vector.data(), static_cast<int>(vector.size()));
	};
}

} // namespace iomemgrant

#else

namespace iomemgrant
{

std::function<void(const AuditEntry&)> journal_sink(const std::string&)
{
	return [](const AuditEntry&) {};
}

} // namespace iomemgrant

#endif
