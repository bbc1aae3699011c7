// SPDX-License-Identifier: GPL-2.0-or-later
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iomemgrant/preflight.h>

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

Probe probe(const std::string& layer, const std::function<std::string()>& ask)
{
	try {
		return {layer, true, ask(), "", ""};
	} catch (const Error& error) {
		return {layer, false, error.what(), error.hint(), std::string(error.kind().slug)};
	}
}

std::string hypervisor_support(Machine& machine)
{
	const auto info = machine.device().info();
	if (!info.can_grant)
		throw Error(kind::not_dom0, "the module says that this is not the hardware domain",
			"run this in dom0");
	if (!info.hypervisor_support)
		throw Error(kind::no_hv_support, "Xen does not know GNTMAP_iomem_map",
			"install the patched Xen and reboot, or boot it with gnttab=iomem");
	return "Xen can grant device memory";
}

std::string module_facts(Machine& machine)
{
	const auto info = machine.device().info();
	return fmt::format("API version {}, {} grants, {} of {} references, at most {} pages each",
		info.api_version, info.nr_grants, info.nr_refs, info.max_refs, info.max_pages);
}

std::string grant_table_facts(Machine& machine)
{
	const auto info = machine.device().info();
	const auto table = machine.hypervisor().grant_table(Domid(0));
	return fmt::format("version {}, {} of {} frames in use", info.gnttab_version,
		table.nr_frames, table.max_frames);
}

std::string domain_type(Machine& machine)
{
	const auto domain = machine.hypervisor().domain(Domid(0));
	return fmt::format("control domain, {}",
		domain ? to_string(domain->type) : std::string_view("type unknown"));
}

std::vector<Probe> examine(Machine& machine)
{
	return {
		probe("domain",
			[&] {
				machine.require_control_domain();
				return domain_type(machine);
			}),
		probe("xen", [&] { return "version " + machine.hypervisor().info().version; }),
		probe("module", [&] { return module_facts(machine); }),
		probe("hypervisor", [&] { return hypervisor_support(machine); }),
		probe("xenstore",
			[&] {
				if (!machine.store().read("/local/domain/0/name"))
					throw Error(kind::no_xenstore,
						"/local/domain/0 has no name",
						"run xen-init-dom0");
				return std::string("xenstored answers");
			}),
		probe("grant-table", [&] { return grant_table_facts(machine); }),
		probe("iommu",
			[&] {
				return std::string(machine.hypervisor().info().iommu
						? "present"
						: "absent: a device that does DMA reaches all "
						  "memory");
			}),
	};
}

int run_doctor(Machine& machine, Output& output)
{
	const auto probes = examine(machine);
	auto document = output.document("doctor");
	auto list = Json::array();
	bool healthy = true;
	for (const auto& result : probes) {
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
