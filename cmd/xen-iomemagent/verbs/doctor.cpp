// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "cmd/cli/checkup.h"
#include "lib/values/lockdown.h"

namespace iomemgrant::agent
{

namespace
{

namespace fs = std::filesystem;
using Verdict = Check::Verdict;

std::optional<std::string> read_line(const fs::path& path)
{
	std::ifstream file(path);
	std::string line;
	if (!std::getline(file, line))
		return std::nullopt;
	return line;
}

// The layers, from the bottom up.  Each says what it found, or throws what is wrong with it and
// what to do.

std::string probe_xen(const World& world)
{
	const auto hypervisor = world.roots.sys / "hypervisor";
	if (read_line(hypervisor / "type") != "xen")
		throw Error(iomemgrant::kind::not_xen, "this machine does not run under Xen");
	const auto part = [&](const char* file) {
		return read_line(hypervisor / file).value_or("?");
	};
	return fmt::format("version {}.{}{}", part("version/major"), part("version/minor"),
		part("version/extra"));
}

std::string probe_domain(const World& world)
{
	const auto& roots = world.roots;
	std::ifstream file(roots.proc / "xen/capabilities");
	const std::string capabilities(std::istreambuf_iterator<char>(file), {});
	if (capabilities.find("control_d") != std::string::npos)
		throw Error(kind::control_domain,
			"this is the control domain, which grants and does not map",
			"xen-iomemgrant doctor");
	auto type = read_line(roots.sys / "hypervisor/guest_type").value_or("type unknown");
	std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::tolower(c); });
	return "guest, " + type;
}

ModuleInfo ask_module(const World& world)
{
	try {
		return world.module_info();
	} catch (const Error& error) {
		// The hint of the library is for the control domain.
		throw error.kind() == iomemgrant::kind::permission ? error.hinting("run as root")
								   : error;
	}
}

std::string probe_module(const World& world)
{
	const auto module = world.roots.sys / "module/xen_iomemgrant";
	if (!fs::is_directory(module))
		throw Error(iomemgrant::kind::no_module, "the module xen_iomemgrant is not loaded",
			"modprobe xen_iomemgrant");
	const auto info = ask_module(world);
	require_api_version(info);
	const auto version = read_line(module / "version");
	return fmt::format("{}API version {}, at most {} pages each",
		version ? fmt::format("version {}, ", *version) : "", info.api_version,
		info.max_pages);
}

std::string probe_lockdown(const World& world)
{
	auto lockdown = Lockdown::read(world.roots.sys, world.roots.proc);
	try {
		lockdown = lockdown.or_as(world.module_info().locked_down);
	} catch (const Error&) {
		// The layer of the module asks as well, and tells this.
	}
	if (lockdown.active())
		throw Error(iomemgrant::kind::permission,
			fmt::format(
				"{} and lets no program reach device memory", lockdown.describe()),
			lockdown.remedy());
	return "the kernel is not locked down";
}

std::string probe_hypervisor(const World& world)
{
	if (!ask_module(world).hypervisor_support)
		throw Error(iomemgrant::kind::no_hv_support, "Xen does not know GNTMAP_iomem_map",
			"the host needs a hypervisor with xen-iomemgrant's patches");
	return "Xen can map granted device memory";
}

std::string probe_driver(const World& world)
{
	if (!fs::is_directory(world.roots.sys / "bus/xen/drivers/xen_iomemgrant"))
		throw Error(iomemgrant::kind::no_module,
			"nothing here takes up devices of kind iomem",
			"modprobe xen_iomemgrant, and see dmesg");
	return "devices of kind iomem are taken up";
}

Check check_node(const Roots& roots, const MappedGrant& grant)
{
	if (!grant.is_mapped())
		return {grant.name(), Verdict::note, fmt::format("state '{}'", grant.state)};
	const auto& node = grant.node->string();
	if (!fs::exists(*grant.node))
		return {grant.name(), Verdict::problem,
			fmt::format("mapped, but {} is missing", node),
			"is devtmpfs mounted on /dev?",
			std::string(iomemgrant::kind::no_module.slug)};
	const auto link = roots.nodes() / "by-label" / (grant.label ? grant.label->str() : "");
	if (grant.label && !fs::exists(link))
		return {grant.name(), Verdict::note,
			fmt::format("mapped as {}, but {} is missing", node, link.string()),
			"install udev and 70-xen-iomem.rules; programs can open the node itself"};
	return {grant.name(), Verdict::ok, fmt::format("mapped as {}", node)};
}

// The node of a grant may be as it should while its device is not; that comes first.
Check check_grant(const Roots& roots, const MappedGrant& grant)
{
	auto check = check_node(roots, grant);
	auto changes = describe(grant.changes);
	if (changes.empty())
		return check;
	if (check.verdict != Verdict::ok)
		changes += "; " + check.message;
	return {grant.name(), Verdict::problem, changes,
		"xen-iomemgrant doctor in the control domain names the remedy",
		std::string(kind_of(grant.changes).slug)};
}

// Checks each grant that is mapped or should be.
void check_grants(const Roots& roots, Checkup& checkup)
{
	std::set<std::string> mapped;
	for (const auto& grant : read_mapped_grants_if_any(roots)) {
		if (!grant.id)
			continue;
		mapped.insert(std::to_string(grant.id->value()));
		checkup.add(check_grant(roots, grant));
	}

	constexpr std::string_view prefix = "iomem-";
	std::error_code none;
	for (const auto& entry : fs::directory_iterator(roots.sys / "bus/xen/devices", none)) {
		const std::string device = entry.path().filename();
		if (!device.starts_with(prefix) || mapped.contains(device.substr(prefix.size())))
			continue;
		checkup.add({"g" + device.substr(prefix.size()), Verdict::problem,
			"published for this guest, but not mapped", "dmesg | grep iomem",
			std::string(iomemgrant::kind::guest_error.slug)});
	}
}

/// A layer, and those it stands on.
struct Layer {
	const char* name;
	std::string (*ask)(const World&);
	std::vector<std::string_view> stands_on;
};

const Layer layers[] = {
	{"xen", probe_xen, {}},
	{"domain", probe_domain, {"xen"}},
	{"module", probe_module, {"domain"}},
	{"lockdown", probe_lockdown, {"domain"}},
	{"hypervisor", probe_hypervisor, {"module"}},
	{"driver", probe_driver, {"module"}},
};

int run_doctor(const World& world, Output& output)
{
	Checkup checkup;
	for (const auto& layer : layers)
		checkup.look(layer.name, layer.stands_on, [&] { return layer.ask(world); });
	check_grants(world.roots, checkup);
	return checkup.report(output);
}

} // namespace

void add_doctor(Syntax& program, Command& command)
{
	auto& verb = program.add_verb("doctor", "Check that this guest can map grants");
	verb.callback = [&command] { command.run = run_doctor; };
}

} // namespace iomemgrant::agent
