// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/values/lockdown.h"

namespace iomemgrant::agent
{

namespace
{

namespace fs = std::filesystem;

// A note is something missing that programs can do without.
enum class Verdict { ok, note, problem };

struct Check {
	std::string name;
	Verdict verdict = Verdict::ok;
	std::string message;
	std::string remedy;
};

std::string_view to_string(Verdict verdict)
{
	switch (verdict) {
	case Verdict::ok:
		return "ok";
	case Verdict::note:
		return "note";
	case Verdict::problem:
		break;
	}
	return "problem";
}

std::optional<std::string> read_line(const fs::path& path)
{
	std::ifstream file(path);
	std::string line;
	if (!std::getline(file, line))
		return std::nullopt;
	return line;
}

Check check_xen(const Roots& roots)
{
	const auto hypervisor = roots.sys / "hypervisor";
	if (read_line(hypervisor / "type") != "xen")
		return {"xen", Verdict::problem, "this machine is not a Xen guest", ""};
	const auto part = [&](const char* file) { return read_line(hypervisor / file).value_or("?"); };
	return {"xen", Verdict::ok,
		fmt::format("{} guest on Xen {}.{}{}", part("guest_type"), part("version/major"),
			part("version/minor"), part("version/extra")),
		""};
}

Check check_role(const Roots& roots)
{
	std::ifstream file(roots.proc / "xen/capabilities");
	const std::string capabilities(std::istreambuf_iterator<char>(file), {});
	if (capabilities.find("control_d") != std::string::npos)
		return {"role", Verdict::problem,
			"this is the control domain, which grants and does not map",
			"xen-iomemgrant doctor"};
	return {"role", Verdict::ok, "not the control domain", ""};
}

Check check_module(const Roots& roots)
{
	if (!fs::is_directory(roots.sys / "module/xen_iomemgrant"))
		return {"module", Verdict::problem, "the module xen_iomemgrant is not loaded",
			"modprobe xen_iomemgrant"};
	const auto version = read_line(roots.sys / "module/xen_iomemgrant/version");
	return {"module", Verdict::ok,
		version ? fmt::format("xen_iomemgrant {} is loaded", *version)
			: "xen_iomemgrant is loaded",
		""};
}

Check check_lockdown(const World& world)
{
	auto lockdown = Lockdown::read(world.roots.sys, world.roots.proc);
	try {
		lockdown = lockdown.or_as(world.module_info().locked_down);
	} catch (const Error&) {
		// The check of the hypervisor asks as well, and tells this.
	}
	if (lockdown.active())
		return {"lockdown", Verdict::problem,
			fmt::format("{} and lets no program reach device memory",
				lockdown.describe()),
			lockdown.remedy()};
	return {"lockdown", Verdict::ok, "the kernel is not locked down", ""};
}

Check check_hypervisor(const World& world)
{
	try {
		const auto info = world.module_info();
		if (info.api_version != module_api_version)
			return {"hypervisor", Verdict::problem,
				fmt::format("the module has API version {}, this program wants {}",
					info.api_version, module_api_version),
				"install the module and the program of one release"};
		if (info.hypervisor_support)
			return {"hypervisor", Verdict::ok,
				fmt::format("Xen maps granted device memory, at most {} pages in one grant",
					info.max_pages),
				""};
		return {"hypervisor", Verdict::problem,
			"this Xen cannot map granted device memory (no GNTMAP_iomem_map)",
			"the host needs a hypervisor with xen-iomemgrant's patches"};
	} catch (const Error& error) {
		const bool permission = error.kind() == iomemgrant::kind::permission;
		return {"hypervisor", Verdict::problem, error.what(),
			permission ? "run as root" : error.hint()};
	}
}

Check check_driver(const Roots& roots)
{
	if (!fs::is_directory(roots.sys / "bus/xen/drivers/xen_iomemgrant"))
		return {"driver", Verdict::problem, "nothing here takes up devices of kind iomem",
			"modprobe xen_iomemgrant, and see dmesg"};
	return {"driver", Verdict::ok, "devices of kind iomem are taken up", ""};
}

// One check for each grant that is mapped or should be.
std::vector<Check> check_grants(const Roots& roots)
{
	std::vector<Check> checks;
	std::set<std::string> mapped;
	for (const auto& grant : read_mapped_grants_if_any(roots)) {
		if (!grant.id)
			continue;
		mapped.insert(std::to_string(grant.id->value()));
		if (!grant.is_mapped()) {
			checks.push_back({grant.name(), Verdict::note,
				fmt::format("state '{}'", grant.state), ""});
		} else if (!fs::exists(*grant.node)) {
			checks.push_back({grant.name(), Verdict::problem,
				fmt::format("mapped, but {} is missing", grant.node->string()),
				"is devtmpfs mounted on /dev?"});
		} else if (const auto link = roots.nodes() / "by-label" /
				(grant.label ? grant.label->str() : "");
			grant.label && !fs::exists(link)) {
			checks.push_back({grant.name(), Verdict::note,
				fmt::format("mapped as {}, but {} is missing", grant.node->string(),
					link.string()),
				"install udev and 70-xen-iomem.rules; programs can open the node itself"});
		} else {
			checks.push_back({grant.name(), Verdict::ok,
				fmt::format("mapped as {}", grant.node->string()), ""});
		}
	}

	constexpr std::string_view prefix = "iomem-";
	std::error_code none;
	for (const auto& entry : fs::directory_iterator(roots.sys / "bus/xen/devices", none)) {
		const std::string device = entry.path().filename();
		if (!device.starts_with(prefix) || mapped.contains(device.substr(prefix.size())))
			continue;
		checks.push_back({"g" + device.substr(prefix.size()), Verdict::problem,
			"published for this guest, but not mapped", "dmesg | grep iomem"});
	}
	return checks;
}

// From the bottom up.  A layer that is broken ends it: the rest would only repeat that in other
// words.
std::vector<Check> check_layers(const World& world)
{
	const auto& roots = world.roots;
	std::vector<Check> checks;
	const auto holds = [&](Check check) {
		checks.push_back(std::move(check));
		return checks.back().verdict == Verdict::ok;
	};
	if (holds(check_xen(roots)) && holds(check_role(roots)) && holds(check_module(roots))) {
		checks.push_back(check_lockdown(world));
		checks.push_back(check_hypervisor(world));
		checks.push_back(check_driver(roots));
	}
	return checks;
}

int run_doctor(Context& context)
{
	const auto& roots = context.world.roots;
	auto checks = check_layers(context.world);
	for (auto& check : check_grants(roots))
		checks.push_back(std::move(check));

	const bool healthy = std::none_of(checks.begin(), checks.end(),
		[](const Check& check) { return check.verdict == Verdict::problem; });
	auto document = context.output.document("doctor");
	document["ok"] = healthy;
	document["checks"] = Json::array();
	for (const auto& check : checks) {
		const auto colour = check.verdict == Verdict::ok ? Colour::good
			: check.verdict == Verdict::problem      ? Colour::bad
								 : Colour::dim;
		context.output.line(fmt::format("{}  {:<10}  {}",
			context.output.paint(colour, fmt::format("{:<7}", to_string(check.verdict))),
			check.name, check.message));
		if (!check.remedy.empty())
			context.output.line(fmt::format("{:<21}hint: {}", "", check.remedy));
		document["checks"].push_back({
			{"name", check.name},
			{"verdict", to_string(check.verdict)},
			{"message", check.message},
			{"remedy", check.remedy.empty() ? Json(nullptr) : Json(check.remedy)},
		});
	}
	context.output.print(document);
	return healthy ? 0 : 9;
}

} // namespace

void add_doctor(Syntax& program, Verb& chosen)
{
	auto& verb = program.add_verb("doctor", "Check that this guest can map grants");
	verb.callback = [&chosen] { chosen = run_doctor; };
}

} // namespace iomemgrant::agent
