// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/allow.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace iomemgrant
{

namespace
{

constexpr AllowClass all_classes[] = {AllowClass::driver_bound, AllowClass::dma_capable,
	AllowClass::msix_table, AllowClass::shared_page, AllowClass::critical_device,
	AllowClass::config_mirror, AllowClass::decode_off, AllowClass::overlap};

} // namespace

std::string_view to_string(AllowClass allow)
{
	switch (allow) {
	case AllowClass::driver_bound:
		return "driver-bound";
	case AllowClass::dma_capable:
		return "dma-capable";
	case AllowClass::msix_table:
		return "msix-table";
	case AllowClass::shared_page:
		return "shared-page";
	case AllowClass::critical_device:
		return "critical-device";
	case AllowClass::config_mirror:
		return "config-mirror";
	case AllowClass::decode_off:
		return "decode-off";
	case AllowClass::overlap:
		return "overlap";
	}
	return "unknown";
}

AllowSet AllowSet::parse(std::string_view text)
{
	AllowSet set;
	while (true) {
		const auto name = text.substr(0, text.find(','));
		bool known = false;
		for (const auto allow : all_classes) {
			if (to_string(allow) == name) {
				set.add(allow);
				known = true;
			}
		}
		if (!known) {
			std::vector<std::string_view> names;
			for (const auto allow : all_classes)
				names.push_back(to_string(allow));
			throw Error(kind::bad_class,
				fmt::format("'{}' is not a class --allow knows", name),
				fmt::format("classes: {}", fmt::join(names, ", ")));
		}
		if (name.size() == text.size())
			return set;
		text.remove_prefix(name.size() + 1);
	}
}

AllowSet AllowSet::all()
{
	AllowSet set;
	for (const auto allow : all_classes)
		set.add(allow);
	return set;
}

bool AllowSet::lifts(ErrorKind refusal) const
{
	for (const auto allow : all_classes) {
		if (has(allow) && to_string(allow) == refusal.slug)
			return true;
	}
	return false;
}

std::vector<std::string> AllowSet::names() const
{
	std::vector<std::string> found;
	for (const auto allow : all_classes) {
		if (has(allow))
			found.emplace_back(to_string(allow));
	}
	return found;
}

} // namespace iomemgrant
