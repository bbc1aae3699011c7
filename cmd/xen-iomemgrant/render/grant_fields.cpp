// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/render/grant_fields.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cmd/cli/table.h"
#include "cmd/xen-iomemgrant/render/pci_names.h"
#include "lib/text/byte_size.h"
#include "lib/text/one_line.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

Json or_null(const std::string& text)
{
	return text.empty() ? Json(nullptr) : Json(text);
}

std::string id4(std::uint16_t value)
{
	return fmt::format("{:#06x}", value);
}

std::string label_of(const GrantStatus& status)
{
	return status.label ? status.label->str() : "";
}

std::string created_of(const GrantStatus& status)
{
	const auto nanoseconds = status.grant.created.time_since_epoch();
	if (nanoseconds.count() == 0)
		return "";
	const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(nanoseconds).count();
	return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string uuid_of(const GrantStatus& status)
{
	const auto& uuid = status.grant.uuid.known() ? status.grant.uuid : status.domain.uuid;
	return uuid.known() ? uuid.str() : "";
}

Json domain_json(const GrantStatus& status)
{
	return {
		{"id", status.grant.domid.value()},
		{"name", or_null(status.domain.name)},
		{"uuid", or_null(uuid_of(status))},
	};
}

std::string device_name_of(const GrantStatus& status)
{
	const auto& id = status.grant.device_id;
	return id.vendor ? pci_name(id).value_or("") : "";
}

Json device_json(const GrantStatus& status)
{
	const auto& id = status.grant.device_id;
	return {
		{"bdf", status.grant.region.sbdf.str()},
		{"name", or_null(device_name_of(status))},
		{"vendor", id.vendor ? Json(id4(id.vendor)) : Json(nullptr)},
		{"device", id.vendor ? Json(id4(id.device)) : Json(nullptr)},
		{"subsystem_vendor", id.vendor ? Json(id4(id.subsystem_vendor)) : Json(nullptr)},
		{"subsystem_device", id.vendor ? Json(id4(id.subsystem_device)) : Json(nullptr)},
		{"present", status.device_present},
		{"changed", status.other_device.has_value()},
	};
}

Json peer_json(const GrantStatus& status)
{
	if (!status.asked)
		return nullptr;
	const auto& guest = status.guest;
	return {
		{"state", to_string(guest.state)},
		{"protocol", guest.protocol ? Json(*guest.protocol) : Json(nullptr)},
		{"mapped_pages", guest.mapped_pages ? Json(*guest.mapped_pages) : Json(nullptr)},
		{"error", or_null(guest.error)},
	};
}

std::string refs_text(const GrantStatus& status)
{
	const auto& refs = status.grant.refs;
	if (!refs.count)
		return "";
	return fmt::format("{:#x}-{:#x}", refs.first, std::uint64_t{refs.first} + refs.count - 1);
}

Json refs_json(const GrantStatus& status)
{
	Json list = Json::array();
	if (const auto text = refs_text(status); !text.empty())
		list.push_back(text);
	return list;
}

std::string mode_text(const GrantStatus& status)
{
	return fmt::format("rw,{}", to_string(status.cache));
}

std::string phys_text(const GrantStatus& status)
{
	return status.grant.address ? fmt::format("{:#x}", status.grant.address) : "";
}

std::uint64_t devid_of(const GrantStatus& status)
{
	return status.devid.value_or(status.grant.id).value();
}

std::string note_of(const GrantStatus& status)
{
	return status.note();
}

std::string lost_reason_of(const GrantStatus& status)
{
	const auto& reason = status.grant.lost_reason;
	return reason ? std::string(to_string(*reason)) : "";
}

constexpr Field<GrantStatus> fields[] = {
	{"id", "ID", [](const GrantStatus& s) { return s.grant.id.str(); },
		[](const GrantStatus& s) { return Json(s.grant.id.value()); }},
	{"label", "LABEL", label_of, text_or_null<label_of>},
	{"domain", "DOMAIN",
		[](const GrantStatus& s) {
			return fmt::format(
				"{}({})", or_dash(one_line(s.domain.name)), s.grant.domid.value());
		},
		domain_json},
	{"uuid", "UUID", uuid_of, nullptr},
	{"device", "DEVICE", [](const GrantStatus& s) { return s.grant.region.sbdf.str(); },
		device_json},
	{"device_name", "DEVICE-NAME", device_name_of, nullptr},
	{"bar", "BAR", [](const GrantStatus& s) { return fmt::format("{}", s.grant.region.bar); },
		[](const GrantStatus& s) { return Json(s.grant.region.bar); }},
	{"offset", "OFFSET",
		[](const GrantStatus& s) { return format_byte_size(s.grant.region.offset); },
		[](const GrantStatus& s) { return Json(s.grant.region.offset); }},
	{"length", "SIZE",
		[](const GrantStatus& s) { return format_byte_size(s.grant.region.length); },
		[](const GrantStatus& s) { return Json(s.grant.region.length); }},
	{"pages", "PAGES",
		[](const GrantStatus& s) { return fmt::format("{}", s.grant.region.nr_pages()); },
		[](const GrantStatus& s) { return Json(s.grant.region.nr_pages()); }},
	{"phys", "PHYS", phys_text, text_or_null<phys_text>},
	{"mode", "MODE", mode_text, [](const GrantStatus&) { return Json("rw"); }},
	{"cache", "CACHE", [](const GrantStatus& s) { return std::string(to_string(s.cache)); },
		[](const GrantStatus& s) { return Json(to_string(s.cache)); }},
	{"method", "METHOD", [](const GrantStatus&) { return std::string("grant"); },
		[](const GrantStatus&) { return Json("grant"); }},
	{"state", "STATE", [](const GrantStatus& s) { return std::string(to_string(s.state())); },
		[](const GrantStatus& s) { return Json(to_string(s.state())); }},
	{"lost_reason", "LOST-REASON", lost_reason_of, text_or_null<lost_reason_of>},
	{"changes", "CHANGES",
		[](const GrantStatus& s) {
			return fmt::format("{}", fmt::join(s.grant.changes.names(), ","));
		},
		[](const GrantStatus& s) { return Json(s.grant.changes.names()); }},
	{"mapped_pages", "MAPPED",
		[](const GrantStatus& s) {
			return fmt::format("{}/{}", s.mapped_pages(), s.grant.region.nr_pages());
		},
		[](const GrantStatus& s) { return Json(s.mapped_pages()); }},
	{"refs", "REFS", refs_text, refs_json},
	{"published", "PUBLISHED",
		[](const GrantStatus& s) { return std::string(s.published ? "yes" : "no"); },
		[](const GrantStatus& s) { return Json(s.published); }},
	{"devid", "DEVID",
		[](const GrantStatus& s) {
			return s.published ? fmt::format("{}", devid_of(s)) : std::string();
		},
		[](const GrantStatus& s) {
			return s.published ? Json(devid_of(s)) : Json(nullptr);
		}},
	{"peer", "GUEST",
		[](const GrantStatus& s) {
			if (!s.asked)
				return std::string();
			return s.guest.error.empty() ? std::string(to_string(s.guest.state))
						     : s.guest.error;
		},
		peer_json},
	{"allow", "ALLOW",
		[](const GrantStatus& s) {
			return fmt::format("{}", fmt::join(s.grant.allow.names(), ","));
		},
		[](const GrantStatus& s) { return Json(s.grant.allow.names()); }},
	{"created", "CREATED", created_of, text_or_null<created_of>},
	{"created_by", "CREATED-BY",
		[](const GrantStatus& s) { return fmt::format("uid {}", s.grant.uid); },
		[](const GrantStatus& s) {
			return Json{{"uid", s.grant.uid}};
		}},
	{"note", "NOTE", note_of, text_or_null<note_of>},
};

constexpr Fields<GrantStatus> all_fields(fields);

Colour colour_of(GrantState state)
{
	switch (state) {
	case GrantState::mapped:
		return Colour::good;
	case GrantState::offered:
		return Colour::none;
	default:
		return Colour::bad;
	}
}

} // namespace

Json grant_json(const GrantStatus& status, bool with_id)
{
	auto object = fields_json(all_fields, status);
	if (!with_id)
		object["id"] = object["devid"] = nullptr;
	return object;
}

std::vector<std::string> all_grant_columns()
{
	return column_names(all_fields);
}

GrantColumns parse_grant_columns(std::string_view text)
{
	constexpr std::string_view usual =
		"id,domain,device,bar,offset,size,mode,state,mapped,label";
	return parse_columns(all_fields, text.empty() ? usual : text, usual);
}

std::string render_grants(const std::vector<GrantStatus>& grants, const GrantColumns& columns,
	bool with_notes, bool with_header, const Output& output)
{
	std::vector<std::string> headers;
	for (const auto* column : columns)
		headers.emplace_back(column->column);
	if (with_notes)
		headers.emplace_back();
	Table table(headers);
	for (const auto& status : grants) {
		std::vector<std::string> cells;
		for (const auto* column : columns) {
			const auto text = or_dash(column->text(status));
			cells.push_back(column->key == std::string_view("state")
						? output.paint(colour_of(status.state()), text)
						: text);
		}
		if (with_notes) {
			const auto note = status.note();
			cells.push_back(note.empty() ? "" : fmt::format("({})", note));
		}
		table.add(cells);
	}
	return table.render(with_header);
}

std::string render_grant(const GrantStatus& status, bool with_refs)
{
	std::string text;
	for (const auto& field : fields) {
		if (std::string_view(field.key) == "refs" && !with_refs)
			continue;
		text += fmt::format(
			"{:<13} {}\n", fmt::format("{}:", field.key), or_dash(field.text(status)));
	}
	return text;
}

std::string describe_region(const GrantStatus& status)
{
	const auto& region = status.grant.region;
	return fmt::format("{} BAR{} [{:#x}-{:#x}] {} page{} {}", region.sbdf.str(), region.bar,
		region.offset, region.end() - 1, region.nr_pages(),
		region.nr_pages() == 1 ? "" : "s", mode_text(status));
}

} // namespace iomemgrant
