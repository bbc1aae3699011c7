// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/grant.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/text/enum_names.h"

namespace iomemgrant
{

namespace
{

struct Change {
	bool Grant::Changes::*holds;
	std::string_view name;
	std::string_view words;
};

constexpr Change known_changes[] = {
	{&Grant::Changes::bus_master, "bus-master", "bus mastering is on"},
	{&Grant::Changes::decode_off, "decode-off", "memory decoding is off"},
	{&Grant::Changes::not_d0, "not-d0", "the device sleeps"},
	{&Grant::Changes::bar_register, "bar-register", "the BAR's register has another address"},
	{&Grant::Changes::mappable, "mappable", "the guest can map it again"},
};

constexpr EnumName<Grant::LostReason> lost_reasons[] = {
	{Grant::LostReason::device_gone, "device-gone"},
	{Grant::LostReason::moved, "moved"},
	{Grant::LostReason::driver_left, "driver-left"},
	{Grant::LostReason::driver_came, "driver-came"},
	{Grant::LostReason::assigned, "assigned"},
};

} // namespace

std::optional<GrantId> GrantId::parse(std::string_view text)
{
	if (text.starts_with('g'))
		text.remove_prefix(1);
	std::uint64_t value = 0;
	const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (text.empty() || status != std::errc() || end != text.data() + text.size() ||
		(text.size() > 1 && text[0] == '0'))
		return std::nullopt;
	return GrantId(value);
}

GrantId GrantId::from_user(std::string_view text)
{
	if (const auto id = parse(text))
		return *id;
	throw Error(kind::bad_grant_id,
		fmt::format("'{}' is not a grant id (want 17 or g17)", text),
		"xen-iomemgrant list");
}

std::string GrantId::str() const
{
	return fmt::format("g{}", value_);
}

std::string DeviceId::str() const
{
	auto text = fmt::format("{:04x}:{:04x}", vendor, device);
	if (subsystem_vendor)
		text += fmt::format(
			" (subsystem {:04x}:{:04x})", subsystem_vendor, subsystem_device);
	return text;
}

std::string_view to_string(Access access)
{
	return access == Access::read_only ? "ro" : "rw";
}

std::string_view to_string(Cache cache)
{
	return cache == Cache::uncached ? "uc" : "wc";
}

Cache parse_cache(std::string_view text)
{
	if (text == "uc")
		return Cache::uncached;
	if (text == "wc")
		return Cache::write_combining;
	if (text == "wb" || text == "wt" || text == "wp")
		throw Error(kind::cache_wb, "cacheable mappings of MMIO are not allowed (XSA-154)",
			"use uc (default) or wc");
	throw Error(kind::usage, fmt::format("--cache: '{}' is not uc or wc", text));
}

std::vector<std::string_view> Grant::Changes::names() const
{
	std::vector<std::string_view> names;
	for (const auto& change : known_changes) {
		if (this->*change.holds)
			names.push_back(change.name);
	}
	return names;
}

Grant::Changes Grant::Changes::parse(std::string_view text)
{
	Changes changes;
	while (!text.empty()) {
		const auto name = text.substr(0, text.find(','));
		for (const auto& change : known_changes) {
			if (name == change.name)
				changes.*change.holds = true;
		}
		text.remove_prefix(std::min(name.size() + 1, text.size()));
	}
	return changes;
}

std::string describe(const Grant::Changes& changes)
{
	std::vector<std::string_view> texts;
	for (const auto& change : known_changes) {
		if (changes.*change.holds)
			texts.push_back(change.words);
	}
	return fmt::format("{}", fmt::join(texts, ", "));
}

ErrorKind kind_of(const Grant::Changes& changes)
{
	if (changes.bus_master)
		return kind::dma_capable;
	return changes.bar_register ? kind::device_changed : kind::decode_off;
}

std::string_view to_string(Grant::LostReason reason)
{
	return name_in(lost_reasons, reason);
}

} // namespace iomemgrant
