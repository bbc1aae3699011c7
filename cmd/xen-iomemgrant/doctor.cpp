// SPDX-License-Identifier: GPL-2.0-or-later
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <iomemgrant/limits.h>

#include "commands.h"

namespace iomemgrant
{

namespace
{

/// How one layer is.
struct Probe {
	std::string layer;
	bool ok = false;
	std::string text;
	std::string remedy;
	std::string code; ///< slug of the problem
};

// The layers, from the bottom up.  Each says what it found, or throws what is wrong with it and
// what to do.  Each asks for itself: one that is broken says nothing about the others.

std::string probe_domain(Machine& machine)
{
	machine.require_control_domain();
	const auto domain = machine.hypervisor().domain(Domid(0));
	return fmt::format("control domain, {}",
		domain ? to_string(domain->type) : std::string_view("type unknown"));
}

std::string probe_permissions(Machine& machine)
{
	const auto facts = machine.system();
	if (!facts.raw_io)
		throw Error(kind::permission, "this user has no CAP_SYS_RAWIO", "run as root");
	if (!facts.lockdown.empty() && facts.lockdown != "none")
		throw Error(kind::permission,
			fmt::format("the kernel is locked down ({}) and grants no device memory",
				facts.lockdown),
			"boot dom0 with lockdown=none, which Secure Boot may have to allow");
	return "CAP_SYS_RAWIO, kernel not locked down";
}

std::string probe_xen(Machine& machine)
{
	return "version " + machine.hypervisor().info().version;
}

std::string probe_module(Machine& machine)
{
	const auto info = machine.device().info();
	if (info.api_version != module_api_version)
		throw Error(kind::protocol_mismatch,
			fmt::format("the module has API version {}, this program wants {}",
				info.api_version, module_api_version),
			"install the module and the program of one release, and load it again");
	return fmt::format("API version {}, {} grants, {} of {} references, at most {} pages each",
		info.api_version, info.nr_grants, info.nr_refs, info.max_refs, info.max_pages);
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

using Ask = std::string (*)(Machine&);

constexpr std::pair<const char*, Ask> layers[] = {
	{"domain", probe_domain},
	{"permissions", probe_permissions},
	{"xen", probe_xen},
	{"module", probe_module},
	{"devices", probe_devices},
	{"hypervisor", probe_hypervisor},
	{"xenstore", probe_xenstore},
	{"grant-table", probe_grant_table},
	{"iommu", probe_iommu},
	{"policy", probe_policy},
};

Probe probe(const char* layer, Ask ask, Machine& machine)
{
	try {
		return {layer, true, ask(machine), "", ""};
	} catch (const Error& error) {
		return {layer, false, error.what(), error.hint(), std::string(error.kind().slug)};
	}
}

int run_doctor(Machine& machine, Output& output)
{
	auto document = output.document("doctor");
	auto list = Json::array();
	bool healthy = true;
	for (const auto& [layer, ask] : layers) {
		const auto result = probe(layer, ask, machine);
		healthy = healthy && result.ok;
		list.push_back({
			{"layer", result.layer},
			{"ok", result.ok},
			{"text", result.text},
			{"remedy", result.remedy.empty() ? Json(nullptr) : Json(result.remedy)},
			{"code", result.code.empty() ? Json(nullptr) : Json(result.code)},
		});
		const auto word = result.ok ? output.paint(Colour::good, "ok     ")
					    : output.paint(Colour::bad, "problem");
		auto line = fmt::format("{}  {:<11}  {}", word, result.layer, result.text);
		if (!result.remedy.empty())
			line += fmt::format("; remedy: {}", result.remedy);
		if (!output.quiet() || !result.ok)
			output.line(line);
	}
	document["ok"] = healthy;
	document["layers"] = list;
	output.print(document);
	return healthy ? 0 : 9;
}

} // namespace

void add_doctor(CLI::App& app, Command& command)
{
	app.add_subcommand("doctor", "Check this machine layer by layer")->callback([&command] {
		command.run = run_doctor;
	});
}

} // namespace iomemgrant
