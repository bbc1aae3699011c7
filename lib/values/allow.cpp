// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/allow.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/text/enum_names.h"

namespace iomemgrant
{

namespace
{

constexpr EnumName<AllowClass> class_names[] = {
	{AllowClass::driver_bound, "driver-bound"},
	{AllowClass::dma_capable, "dma-capable"},
	{AllowClass::msix_table, "msix-table"},
	{AllowClass::shared_page, "shared-page"},
	{AllowClass::critical_device, "critical-device"},
	{AllowClass::config_mirror, "config-mirror"},
	{AllowClass::decode_off, "decode-off"},
	{AllowClass::overlap, "overlap"},
};

} // namespace

std::string_view to_string(AllowClass allow)
{
	return name_in(class_names, allow);
}

std::optional<AllowClass> override_of(ErrorKind refusal)
{
	// A guest that can write the MSI-X table can raise any interrupt.
	return refusal == kind::msix_table ? std::nullopt : value_in(class_names, refusal.slug);
}

AllowSet AllowSet::parse(std::string_view text)
{
	AllowSet set;
	while (true) {
		const auto name = text.substr(0, text.find(','));
		const auto known = value_in(class_names, name);
		if (!known) {
			std::vector<std::string_view> names;
			for (const auto& row : class_names)
				names.push_back(row.name);
			throw Error(kind::bad_class,
				fmt::format("'{}' is not a class --allow knows", name),
				fmt::format("classes: {}", fmt::join(names, ", ")));
		}
		set.add(*known);
		if (name.size() == text.size())
			return set;
		text.remove_prefix(name.size() + 1);
	}
}

AllowSet AllowSet::all()
{
	AllowSet set;
	for (const auto& row : class_names)
		set.add(row.value);
	return set;
}

std::vector<std::string> AllowSet::names() const
{
	std::vector<std::string> found;
	for (const auto& row : class_names) {
		if (has(row.value))
			found.emplace_back(row.name);
	}
	return found;
}

} // namespace iomemgrant
