// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_ENUM_NAMES_H
#define IOMEMGRANT_ENUM_NAMES_H

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace iomemgrant
{

/// One row of an array that lists each value of an enum with the word that commands, JSON documents
/// and XenStore have for it.  The array is read both ways, in its order.
template <typename Enum>
struct EnumName {
	Enum value;
	std::string_view name;
};

/// Returns the word for @value; "unknown" if no row has it.
template <typename Enum, std::size_t N>
constexpr std::string_view name_in(const EnumName<Enum> (&names)[N], Enum value)
{
	const auto found = std::find_if(std::begin(names), std::end(names),
		[&](const auto& row) { return row.value == value; });
	return found == std::end(names) ? "unknown" : found->name;
}

/// Returns the value whose word is @name, compared byte for byte; absent if there is none.
template <typename Enum, std::size_t N>
constexpr std::optional<Enum> value_in(const EnumName<Enum> (&names)[N], std::string_view name)
{
	const auto found = std::find_if(std::begin(names), std::end(names),
		[&](const auto& row) { return row.name == name; });
	return found == std::end(names) ? std::nullopt : std::optional(found->value);
}

} // namespace iomemgrant

#endif
