// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/doctor/doctor_grants.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/check/region_check.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

/// A device, and grants of it under which the same changed.
struct Changed {
	Region region; ///< of one of the grants
	Grant::Changes changes;
	std::vector<std::string> grants;
};

std::vector<Changed> find_changed(const std::vector<Grant>& grants)
{
	std::vector<Changed> found;
	for (const auto& grant : grants) {
		auto changes = grant.changes;
		// Not about the device.
		changes.mappable = false;
		if (changes == Grant::Changes())
			continue;
		const auto alike = std::ranges::find_if(found, [&](const Changed& changed) {
			return changed.region.sbdf == grant.region.sbdf &&
			       changed.changes == changes;
		});
		if (alike == found.end())
			found.push_back({grant.region, changes, {grant.id.str()}});
		else
			alike->grants.push_back(grant.id.str());
	}
	return found;
}

// The way back to decoding that a refusal of the same device would name.
std::string how_to_decode(const PciDevices& devices, const Region& region)
{
	const Policy policy;
	const Situation situation;
	RegionCheck check(devices, policy, situation,
		{region.sbdf, region.bar, region.offset, region.length});
	check.run();
	for (const auto& finding : check.findings) {
		if (finding.error.kind() == kind::decode_off)
			return finding.error.hint();
	}
	return "";
}

std::vector<std::string> remedies(const PciDevices& devices, const Changed& changed)
{
	const auto bdf = changed.region.sbdf.str();
	std::vector<std::string> remedies;
	if (changed.changes.bus_master)
		remedies.push_back(fmt::format("setpci -s {} COMMAND=0:4", bdf));
	if (changed.changes.decode_off || changed.changes.not_d0)
		remedies.push_back(how_to_decode(devices, changed.region));
	if (changed.changes.bar_register)
		remedies.push_back(fmt::format("echo 1 > /sys/bus/pci/devices/{}/remove; "
					       "echo 1 > /sys/bus/pci/rescan",
			bdf));
	std::erase(remedies, "");
	return remedies;
}

} // namespace

std::string probe_grants(Machine& machine)
{
	const auto grants = machine.device().list();
	const auto changed = find_changed(grants);
	if (grants.empty())
		return "none in force";
	if (changed.empty())
		return fmt::format("{} in force, no device of theirs has changed", grants.size());
	std::vector<std::string> texts, ways;
	for (const auto& device : changed) {
		texts.push_back(fmt::format("{} ({}): {}", device.region.sbdf.str(),
			fmt::join(device.grants, ", "), describe(device.changes)));
		for (auto& remedy : remedies(machine.pci(), device))
			ways.push_back(std::move(remedy));
	}
	throw Error(kind_of(changed.front().changes), fmt::format("{}", fmt::join(texts, "; ")),
		fmt::format("{}", fmt::join(ways, "; ")));
}

} // namespace iomemgrant
