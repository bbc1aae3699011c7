// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/lockdown.h"

#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>

namespace iomemgrant
{

namespace
{

namespace fs = std::filesystem;

// The chosen word of "none [integrity] confidentiality", unless that is "none".
std::string chosen_level(const fs::path& path)
{
	std::ifstream file(path);
	std::string word;
	while (file >> word) {
		if (word.size() > 2 && word.front() == '[' && word.back() == ']')
			return word == "[none]" ? "" : word.substr(1, word.size() - 2);
	}
	return {};
}

// The value of the EFI variable follows four bytes of attributes.
bool secure_boot_is_on(const fs::path& efivars)
{
	std::ifstream file(
		efivars / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", std::ios::binary);
	const std::string bytes(std::istreambuf_iterator<char>(file), {});
	return bytes.size() == 5 && bytes[4] == 1;
}

bool has_parameter(const fs::path& cmdline, const std::string& parameter)
{
	std::ifstream file(cmdline);
	std::string word;
	while (file >> word) {
		if (word == parameter)
			return true;
	}
	return false;
}

} // namespace

Lockdown Lockdown::read(const fs::path& sys, const fs::path& proc)
{
	Lockdown found;
	found.level = chosen_level(sys / "kernel/security/lockdown");
	if (!found.active())
		return found;
	if (has_parameter(proc / "cmdline", "lockdown=" + found.level))
		found.cause = Cause::command_line;
	else if (secure_boot_is_on(sys / "firmware/efi/efivars"))
		found.cause = Cause::secure_boot;
	return found;
}

Lockdown Lockdown::or_as(bool locked_down) const
{
	if (active() || !locked_down)
		return *this;
	return {"/sys/kernel/security does not tell the level", Cause::unknown};
}

std::string Lockdown::describe() const
{
	switch (cause) {
	case Cause::secure_boot:
		return fmt::format(
			"the kernel is locked down ({}), because Secure Boot is on,", level);
	case Cause::command_line:
		return fmt::format(
			"the kernel is locked down ({0}), by lockdown={0} on its command line,",
			level);
	case Cause::unknown:
		break;
	}
	return fmt::format("the kernel is locked down ({})", level);
}

std::string Lockdown::remedy() const
{
	switch (cause) {
	case Cause::secure_boot:
		return "switch Secure Boot off in the firmware's setup and reboot";
	case Cause::command_line:
		return fmt::format(
			"take lockdown={} off the kernel's command line and reboot", level);
	case Cause::unknown:
		break;
	}
	return "reboot without Secure Boot and without lockdown= on the kernel's command line";
}

} // namespace iomemgrant
