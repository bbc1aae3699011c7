// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/machine/system_facts.h"

#include <algorithm>
#include <cctype>
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

std::string read_word(const fs::path& path)
{
	std::ifstream file(path);
	std::string word;
	file >> word;
	return word;
}

bool has_line_with(const fs::path& path, const std::string& part)
{
	std::ifstream file(path);
	std::string line;
	while (std::getline(file, line)) {
		if (line.find(part) != std::string::npos)
			return true;
	}
	return false;
}

// As Linux tells it in /sys/hypervisor: "PV", "PVH", "HVM".
std::string read_guest_type(const fs::path& hypervisor)
{
	if (read_word(hypervisor / "type") != "xen")
		return {};
	auto type = read_word(hypervisor / "guest_type");
	std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
	return type.empty() ? "type unknown" : type;
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
	facts.lockdown = Lockdown::read(root / "sys", root / "proc");
	facts.guest_type = read_guest_type(root / "sys/hypervisor");
	facts.control_domain = has_line_with(root / "proc/xen/capabilities", "control_d");
	facts.xenfs = fs::exists(root / "proc/xen/capabilities", none);
	facts.module_loaded = fs::is_directory(root / "sys/module/xen_iomemgrant", none);
	facts.module_node = fs::exists(root / "dev/xen/iomemgrant", none);
	facts.devtmpfs = is_mounted(root / "proc/self/mounts", "/dev", "devtmpfs");
	facts.udev = fs::exists(root / "run/udev/control", none);
	return facts;
}

Error not_control_domain(const SystemFacts& facts)
{
	if (facts.guest_type.empty())
		return {kind::not_xen, "this machine does not run under Xen",
			"install Xen (Debian: apt install xen-system-amd64) and boot with it"};
	if (!facts.xenfs)
		return {kind::not_dom0,
			"/proc/xen/capabilities is missing, which says what this "
			"domain may do",
			"mount -t xenfs xenfs /proc/xen"};
	return {kind::not_dom0,
		"not running as a Xen control domain (/proc/xen/capabilities lacks control_d)",
		"run this in dom0; in a guest, xen-iomemagent doctor"};
}

} // namespace iomemgrant
