// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_LOCKDOWN_H
#define IOMEMGRANT_LOCKDOWN_H

#include <filesystem>
#include <string>

namespace iomemgrant
{

/// Lockdown of the Linux kernel that runs here.  A kernel that is locked down, which is how Linux
/// answers to Secure Boot, lets no program reach device memory: the module then refuses to grant,
/// and in a guest to open what was granted to programs.
struct Lockdown {
	enum class Cause { unknown, secure_boot, command_line };

	/// "integrity" or "confidentiality"; empty: not locked down, or the kernel does not tell.
	std::string level;
	Cause cause = Cause::unknown;

	static Lockdown read(const std::filesystem::path& sys = "/sys",
		const std::filesystem::path& proc = "/proc");

	/// This or, where the kernel does not tell but the module knows, lockdown of some level.
	Lockdown or_as(bool locked_down) const;

	bool active() const { return !level.empty(); }
	/// "the kernel is locked down (integrity), because Secure Boot is on,"
	std::string describe() const;
	/// How to get a kernel that is not.
	std::string remedy() const;

	friend bool operator==(const Lockdown&, const Lockdown&) = default;
};

} // namespace iomemgrant

#endif
