// SPDX-License-Identifier: GPL-2.0-or-later
#include "system_facts.h"

#include <cstdint>
#include <fstream>
#include <sstream>

namespace iomemgrant
{

namespace
{

namespace fs = std::filesystem;

// The line "CapEff:\t000001ffffffffff" of the status file.
bool has_raw_io(const fs::path& status)
{
	constexpr unsigned cap_sys_rawio = 17;
	std::ifstream file(status);
	std::string name;
	std::uint64_t bits = 0;
	while (file >> name) {
		if (name == "CapEff:" && file >> std::hex >> bits)
			return bits >> cap_sys_rawio & 1;
	}
	return false;
}

// The chosen word of "none [integrity] confidentiality".
std::string chosen(const fs::path& path)
{
	std::ifstream file(path);
	std::string word;
	while (file >> word) {
		if (word.size() > 2 && word.front() == '[' && word.back() == ']')
			return word.substr(1, word.size() - 2);
	}
	return {};
}

bool is_mounted(const fs::path& mounts, const std::string& where, const std::string& type)
{
	std::ifstream file(mounts);
	std::string line;
	while (std::getline(file, line)) {
		std::istringstream words(line);
		std::string device, place, found;
		if (words >> device >> place >> found && place == where && found == type)
			return true;
	}
	return false;
}

} // namespace

SystemFacts SystemFacts::read(const fs::path& root)
{
	std::error_code none;
	SystemFacts facts;
	facts.raw_io = has_raw_io(root / "proc/self/status");
	facts.lockdown = chosen(root / "sys/kernel/security/lockdown");
	facts.module_loaded = fs::is_directory(root / "sys/module/xen_iomemgrant", none);
	facts.module_node = fs::exists(root / "dev/xen/iomemgrant", none);
	facts.devtmpfs = is_mounted(root / "proc/self/mounts", "/dev", "devtmpfs");
	facts.udev = fs::exists(root / "run/udev/control", none);
	return facts;
}

} // namespace iomemgrant
