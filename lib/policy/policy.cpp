// SPDX-License-Identifier: LGPL-2.1-or-later
// man/xen-iomemgrant.toml.5 is the format; this reads and applies it.
#include "lib/policy/policy.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "lib/policy/toml_file.h"

namespace iomemgrant
{

namespace
{

std::optional<std::uint32_t> hex(std::string_view text, std::size_t digits)
{
	std::uint32_t value = 0;
	const auto* end = text.data() + text.size();
	const auto [stop, status] = std::from_chars(text.data(), end, value, 16);
	if (text.size() != digits || status != std::errc() || stop != end)
		return std::nullopt;
	return value;
}

// "8086:1572", as lspci -n prints it.
std::pair<std::uint16_t, std::uint16_t> parse_id(std::string_view text)
{
	const auto colon = std::min(text.find(':'), text.size());
	const auto vendor = hex(text.substr(0, colon), 4);
	const auto device = hex(text.substr(std::min(colon + 1, text.size())), 4);
	if (!vendor || !device)
		throw Error(kind::bad_policy, fmt::format("'{}' is not a device id", text),
			"write vendor:device as lspci -n does, for example 8086:1572");
	return {static_cast<std::uint16_t>(*vendor), static_cast<std::uint16_t>(*device)};
}

// "02", "0200" or "020000", with or without 0x.
DeviceMatch::ClassCode parse_class(std::string_view text)
{
	auto digits = text;
	if (digits.starts_with("0x"))
		digits.remove_prefix(2);
	const auto value = hex(digits, digits.size());
	if (!value || (digits.size() != 2 && digits.size() != 4 && digits.size() != 6))
		throw Error(kind::bad_policy, fmt::format("'{}' is not a PCI class", text),
			"2, 4 or 6 hexadecimal digits: base class, sub-class, interface");
	return {*value, static_cast<unsigned>(digits.size())};
}

DeviceMatch parse_match(const TomlFile& file, const toml::table& rule)
{
	DeviceMatch match;
	if (const auto text = file.string(rule, "device"))
		match.device = file.parse(*text, Sbdf::from_user);
	if (const auto text = file.string(rule, "id")) {
		const auto id = file.parse(*text, parse_id);
		match.vendor = id.first;
		match.device_id = id.second;
	}
	if (const auto text = file.string(rule, "class"))
		match.class_code = file.parse(*text, parse_class);
	return match;
}

// A rule about nothing in particular would be one about everything: that must be meant.
DeviceMatch parse_some_match(const TomlFile& file, const toml::table& rule)
{
	auto match = parse_match(file, rule);
	if (match.empty())
		throw file.error(rule.source(), "this rule names no device",
			"give it device = \"BDF\", id = \"VVVV:DDDD\" or class = \"CC\"");
	return match;
}

} // namespace

bool DeviceMatch::matches(const PciDevice& found) const
{
	if (device && found.sbdf != *device)
		return false;
	if (vendor && found.id.vendor != *vendor)
		return false;
	if (device_id && found.id.device != *device_id)
		return false;
	return !class_code ||
	       found.class_code >> (24 - 4 * class_code->digits) == class_code->value;
}

void Policy::add_file(const std::filesystem::path& path)
{
	const TomlFile file(path, kind::bad_policy);
	const auto& root = file.root();
	file.require_known(root, {"schema", "deny", "allow", "override"});
	if (const auto schema = file.integer(root, "schema"); schema.value_or(1) != 1)
		throw file.error(root.get("schema")->source(),
			fmt::format("schema {} is not known", *schema),
			"this program knows schema 1");

	// Nothing of a file counts unless all of it can be read.
	auto made = *this;
	for (const auto* rule : file.tables(root, "deny")) {
		file.require_known(*rule, {"device", "id", "class", "reason"});
		const auto reason = file.string(*rule, "reason");
		made.denied_.push_back({parse_some_match(file, *rule),
			reason ? reason->value : std::string(), file.place(rule->source())});
	}
	if (root.contains("allow")) {
		AllowList list{path.native(), {}};
		for (const auto* rule : file.tables(root, "allow")) {
			file.require_known(*rule, {"device", "id", "class"});
			list.matches.push_back(parse_some_match(file, *rule));
		}
		made.allowed_.push_back(std::move(list));
	}
	for (const auto* rule : file.tables(root, "override")) {
		file.require_known(*rule, {"device", "id", "class", "classes"});
		Override entry{parse_match(file, *rule), {}};
		const auto classes = file.strings(*rule, "classes");
		if (classes.empty())
			throw file.error(rule->source(), "this override names no classes",
				"for example classes = [\"driver-bound\"]");
		for (const auto& name : classes)
			entry.classes.add(file.parse(name, AllowSet::parse));
		made.overrides_.push_back(std::move(entry));
	}
	made.files_.push_back(path.native());
	*this = std::move(made);
}

std::optional<Error> Policy::denial(const PciDevice& device) const
{
	constexpr auto hint = "no --allow lifts this; see xen-iomemgrant.toml(5)";
	for (const auto& rule : denied_) {
		if (!rule.match.matches(device))
			continue;
		const auto because = rule.reason.empty() ? "" : fmt::format(" ({})", rule.reason);
		return Error(kind::policy_denied,
			fmt::format("{} is denied by {}{}", device.sbdf.str(), rule.place, because),
			hint)
			.with("bdf", device.sbdf.str())
			.with("rule", rule.place);
	}
	for (const auto& list : allowed_) {
		const auto& matches = list.matches;
		if (std::any_of(matches.begin(), matches.end(),
			    [&](const DeviceMatch& match) { return match.matches(device); }))
			continue;
		return Error(kind::policy_denied,
			fmt::format("{} is not among the devices that {} allows", device.sbdf.str(),
				list.file),
			hint)
			.with("bdf", device.sbdf.str())
			.with("rule", list.file);
	}
	return std::nullopt;
}

AllowSet Policy::overrides(const PciDevice& device) const
{
	AllowSet classes;
	for (const auto& rule : overrides_) {
		if (rule.match.matches(device))
			classes.add(rule.classes);
	}
	return classes;
}

std::size_t Policy::nr_rules() const
{
	auto count = denied_.size() + overrides_.size();
	for (const auto& list : allowed_)
		count += list.matches.size();
	return count;
}

} // namespace iomemgrant
