// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "cmd/cli/table.h"
#include "cmd/xen-iomemgrant/commands.h"
#include "cmd/xen-iomemgrant/render/grantable.h"
#include "cmd/xen-iomemgrant/render/pci_names.h"
#include "lib/check/limits.h"
#include "lib/text/byte_size.h"

namespace iomemgrant
{

namespace
{

struct BarsText {
	std::vector<std::string> devices;
	bool all = false;
};

struct BarsCommand {
	std::vector<Sbdf> devices;
	bool all = false;
};

BarsCommand parse(const BarsText& text)
{
	BarsCommand command{{}, text.all};
	for (const auto& device : text.devices)
		command.devices.push_back(Sbdf::from_user(device));
	return command;
}

// Worth knowing, but BARs can be looked at before there is anything to ask.
Surroundings look_around(Machine& machine, Output& output)
{
	Surroundings found;
	const auto ask = [&](const char* what, const std::function<void()>& question) {
		try {
			question();
		} catch (const Error& error) {
			output.trace(1, fmt::format("{} not known: {}", what, error.what()));
		}
	};
	ask("existing grants are", [&] { found.situation.grants = machine.device().list(); });
	ask("the grant table is", [&] { found.situation.module = machine.device().info(); });
	ask("the largest new grant is", [&] {
		found.max_pages = measure_limits(machine.host(), std::nullopt).max_pages();
	});
	ask("what guests have without a grant is", [&] {
		auto& host = machine.host();
		Domains domains(host);
		found.situation.holdings = read_holdings(host, domains);
	});
	return found;
}

const char* on_off(bool on)
{
	return on ? "on" : "off";
}

std::string headline(const PciDevice& device, const std::optional<std::string>& name)
{
	auto text = fmt::format(
		"DEVICE {}  {:04x}:{:04x}", device.sbdf.str(), device.id.vendor, device.id.device);
	if (name)
		text += " " + *name;
	text += fmt::format("  driver={}  power={}  mem-decode={}  bus-master={}",
		device.driver.value_or("-"), device.power_state, on_off(device.memory_decode),
		on_off(device.bus_master));
	text += "  iommu-group=";
	text += device.iommu_group ? std::to_string(*device.iommu_group) : "-";
	return text;
}

std::string flags(const PciBar& bar)
{
	std::vector<const char*> words;
	if (bar.is_64bit)
		words.push_back("64bit");
	if (bar.prefetchable)
		words.push_back("prefetch");
	return words.empty() ? "-" : fmt::format("{}", fmt::join(words, ","));
}

void add_row(Table& table, const PciBar& bar, const std::optional<Grantable>& grantable)
{
	const auto index = std::to_string(bar.index);
	switch (bar.type) {
	case PciBar::Type::upper_half:
		table.add({index, "-", "-", "-", "-",
			fmt::format("(upper half of {})", bar.index - 1)});
		return;
	case PciBar::Type::absent:
		table.add({index, "-", "-", "-", "-", "(none)"});
		return;
	case PciBar::Type::io:
		table.add({index, bar.unassigned ? "-" : fmt::format("{:#x}", bar.address),
			format_byte_size(bar.size), "-", "-", "(I/O ports)"});
		return;
	case PciBar::Type::memory:
		break;
	}
	table.add({index, bar.unassigned ? "-" : fmt::format("{:#x}", bar.address),
		format_byte_size(bar.size), fmt::format("{}", bar.nr_pages()), flags(bar),
		grantable->describe(bar.nr_pages())});
}

Json bar_json(const PciBar& bar, const std::optional<Grantable>& grantable)
{
	constexpr const char* types[] = {"none", "memory", "io", "upper-half"};
	return {{"bar", bar.index}, {"type", types[static_cast<unsigned>(bar.type)]},
		{"phys", bar.address ? Json(fmt::format("{:#x}", bar.address)) : Json(nullptr)},
		{"length", bar.size}, {"pages", bar.is_memory() ? bar.nr_pages() : 0},
		{"is_64bit", bar.is_64bit}, {"prefetchable", bar.prefetchable},
		{"grantable", grantable ? grantable->json() : Json(nullptr)}};
}

Json device_json(const PciDevice& device, const std::optional<std::string>& name)
{
	const auto id = [](std::uint16_t value) { return fmt::format("{:#06x}", value); };
	Json answer = {{"bdf", device.sbdf.str()}, {"vendor", id(device.id.vendor)},
		{"device", id(device.id.device)},
		{"subsystem_vendor", id(device.id.subsystem_vendor)},
		{"subsystem_device", id(device.id.subsystem_device)}, {"name", nullptr},
		{"class", fmt::format("{:#08x}", device.class_code)}, {"driver", nullptr},
		{"power_state", device.power_state}, {"memory_decode", device.memory_decode},
		{"bus_master", device.bus_master}, {"iommu_group", nullptr},
		{"bars", Json::array()}};
	if (name)
		answer["name"] = *name;
	if (device.driver)
		answer["driver"] = *device.driver;
	if (device.iommu_group)
		answer["iommu_group"] = *device.iommu_group;
	return answer;
}

bool worth_a_row(const PciBar& bar, bool all)
{
	return all || bar.is_memory() || bar.type == PciBar::Type::upper_half;
}

int run_bars(const BarsCommand& command, Machine& machine, Output& output)
{
	const auto& devices = machine.pci();
	// A wrong address is told before anything is printed.
	for (const auto& sbdf : command.devices)
		(void)devices.read(sbdf);
	const auto& policy = machine.policy();
	const auto surroundings = look_around(machine, output);
	auto document = output.document("bars");
	document["devices"] = Json::array();
	std::string text;
	const auto read = [&](const Sbdf& sbdf) -> const PciDevice* {
		try {
			return &devices.read(sbdf);
		} catch (const Error& error) {
			// It went while the others were looked at.
			if (error.kind() != kind::no_device)
				throw;
			return nullptr;
		}
	};
	for (const auto& sbdf : command.devices.empty() ? devices.addresses() : command.devices) {
		const auto* present = read(sbdf);
		if (!present)
			continue;
		const auto& device = *present;
		if (device.memory_bars().empty() && !command.all && command.devices.empty())
			continue;
		const auto name = pci_name(device.id);
		auto& described = document["devices"].push_back(device_json(device, name));
		Table table({"BAR", "PHYS", "SIZE", "PAGES", "FLAGS", "GRANTABLE"});
		for (const auto& bar : device.resources.bars) {
			if (!worth_a_row(bar, command.all))
				continue;
			std::optional<Grantable> grantable;
			if (bar.is_memory())
				grantable = Grantable::of(devices, bar, sbdf, surroundings, policy);
			add_row(table, bar, grantable);
			described["bars"].push_back(bar_json(bar, grantable));
		}
		text += text.empty() ? "" : "\n";
		text += headline(device, name) + "\n";
		text += table.empty() ? "(no memory BAR)\n" : table.render();
	}
	output.print(document);
	output.text(text);
	return 0;
}

} // namespace

void add_bars(Syntax& program, Command& command)
{
	auto text = std::make_shared<BarsText>();
	auto& verb = program.add_verb("bars", "Show what of which device can be granted");
	verb.add("BDF", &text->devices, "[DDDD:]BB:SS.F; without any, all devices");
	verb.add("--all", &text->all, "Also devices and BARs without memory");
	verb.footer = "Examples:\n"
		      "  xen-iomemgrant bars\n"
		      "  xen-iomemgrant bars 03:00.0 --all\n";
	on_verb(verb, command, run_bars, [text] { return parse(*text); });
}

} // namespace iomemgrant
