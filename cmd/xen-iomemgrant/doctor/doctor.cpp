// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/cli/checkup.h"
#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/doctor/doctor_grants.h"
#include "lib/check/limits.h"

namespace iomemgrant
{

namespace
{

// The layers, from the bottom up.  Each says what it found, or throws what is wrong with it and
// what to do.

std::string probe_domain(Machine& machine)
{
	machine.require_control_domain();
	return fmt::format("control domain, {}", machine.system().guest_type);
}

std::string probe_permissions(Machine& machine)
{
	if (!machine.system().raw_io)
		throw Error(kind::permission, "this user has no CAP_SYS_RAWIO", "run as root");
	return "CAP_SYS_RAWIO";
}

std::string probe_xen(Machine& machine)
{
	return "version " + machine.hypervisor().info().version;
}

// Without the node the module is as good as missing, but loading it would not help.
std::string probe_devices(Machine& machine)
{
	const auto facts = machine.system();
	if (facts.module_loaded && !facts.module_node)
		throw Error(kind::no_module,
			"the module is loaded, but /dev/xen/iomemgrant is missing",
			facts.devtmpfs ? "see dmesg" : "mount -t devtmpfs devtmpfs /dev");
	return fmt::format("devtmpfs {}, udev {}", facts.devtmpfs ? "on /dev" : "not on /dev",
		facts.udev ? "runs" : "does not run");
}

std::string probe_module(Machine& machine)
{
	const auto info = machine.device().info();
	require_api_version(info);
	return fmt::format("API version {}, {} grants, {} of {} references, at most {} pages each",
		info.api_version, info.nr_grants, info.nr_refs, info.max_refs, info.max_pages);
}

std::string probe_lockdown(Machine& machine)
{
	// The module is not asked: it may be missing.
	const auto lockdown = machine.system().lockdown;
	if (lockdown.active())
		throw Error(kind::permission,
			fmt::format("{} and grants no device memory", lockdown.describe()),
			lockdown.remedy());
	return "the kernel is not locked down";
}

std::string probe_hypervisor(Machine& machine)
{
	const auto info = machine.device().info();
	if (!info.can_grant)
		throw Error(kind::not_dom0, "the module says that this is not the hardware domain",
			"run this in dom0");
	if (info.hypervisor_support)
		return "Xen can grant device memory";
	// A patched Xen that was told not to looks the same as any other.
	if (machine.hypervisor().info().command_line.find("iomem:off") != std::string::npos)
		throw Error(kind::no_hv_support, "Xen was booted with gnttab=iomem:off",
			"take iomem:off from Xen's command line and reboot");
	throw Error(kind::no_hv_support, "Xen does not know GNTMAP_iomem_map",
		"install the patched Xen and reboot");
}

std::string probe_xenstore(Machine& machine)
{
	if (!machine.store().read("/local/domain/0/name"))
		throw Error(kind::no_xenstore, "/local/domain/0 has no name", "run xen-init-dom0");
	return "xenstored answers";
}

std::string probe_grant_table(Machine& machine)
{
	Limits limits;
	limits.module = machine.device().info();
	limits.table = machine.hypervisor().grant_table(Domid(0));
	const auto text = fmt::format("version {}, {} of {} frames in use",
		limits.module.gnttab_version, limits.table.nr_frames, limits.table.max_frames);
	if (!limits.table_pages())
		throw Error(kind::gnttab_full, text + ": no room for more grants",
			limits.how_to_raise(Limits::Bound::grant_table));
	return text;
}

std::string probe_iommu(Machine& machine)
{
	return machine.hypervisor().info().iommu
		       ? "present"
		       : "absent: a device that does DMA reaches all memory";
}

std::string probe_policy(Machine& machine)
{
	const auto& policy = machine.policy();
	if (policy.files().empty())
		return fmt::format("no {}: nothing is denied", system_policy_file);
	return fmt::format("{} rules in {}", policy.nr_rules(), fmt::join(policy.files(), ", "));
}

/// A layer, and those it stands on.
struct Layer {
	const char* name;
	std::string (*ask)(Machine&);
	std::vector<std::string_view> stands_on;
};

const Layer layers[] = {
	{"domain", probe_domain, {}},
	{"permissions", probe_permissions, {}},
	{"lockdown", probe_lockdown, {}},
	{"xen", probe_xen, {"domain", "permissions"}},
	{"devices", probe_devices, {}},
	{"module", probe_module, {"domain", "permissions", "devices"}},
	{"hypervisor", probe_hypervisor, {"xen", "module"}},
	{"xenstore", probe_xenstore, {"domain", "permissions"}},
	{"grant-table", probe_grant_table, {"xen", "module"}},
	{"grants", probe_grants, {"module"}},
	{"iommu", probe_iommu, {"xen"}},
	{"policy", probe_policy, {}},
};

int run_doctor(Machine& machine, Output& output)
{
	Checkup checkup;
	for (const auto& layer : layers)
		checkup.look(layer.name, layer.stands_on, [&] { return layer.ask(machine); });
	return checkup.report(output);
}

} // namespace

void add_doctor(Syntax& program, Command& command)
{
	program.add_verb("doctor", "Check this machine layer by layer").callback = [&command] {
		command.run = run_doctor;
	};
}

} // namespace iomemgrant
