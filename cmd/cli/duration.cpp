// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/duration.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

constexpr double longest = 86400;

struct Unit {
	std::string_view name;
	double seconds;
};

// The units of systemd.time(7) up to a day.
constexpr Unit units[] = {{"", 1}, {"us", 1e-6}, {"usec", 1e-6}, {"ms", 1e-3}, {"msec", 1e-3},
	{"s", 1}, {"sec", 1}, {"second", 1}, {"seconds", 1}, {"m", 60}, {"min", 60}, {"minute", 60},
	{"minutes", 60}, {"h", 3600}, {"hr", 3600}, {"hour", 3600}, {"hours", 3600}, {"d", 86400},
	{"day", 86400}, {"days", 86400}};

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void skip_blanks(std::string_view& text)
{
	while (text.starts_with(' '))
		text.remove_prefix(1);
}

std::optional<double> take_unit(std::string_view& text)
{
	std::size_t length = 0;
	while (length < text.size() && text[length] >= 'a' && text[length] <= 'z')
		length++;
	const auto name = text.substr(0, length);
	text.remove_prefix(length);
	for (const auto& unit : units) {
		if (unit.name == name)
			return unit.seconds;
	}
	return std::nullopt;
}

std::optional<double> parse_seconds(std::string_view text)
{
	double seconds = 0;
	skip_blanks(text);
	do {
		// from_chars() also reads signs and "nan", which are no amounts of time.
		if (text.empty() || !is_digit(text[0]))
			return std::nullopt;
		double amount = 0;
		const auto [end, status] = std::from_chars(
			text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
		if (status != std::errc())
			return std::nullopt;
		text.remove_prefix(static_cast<std::size_t>(end - text.data()));
		skip_blanks(text);
		const auto unit = take_unit(text);
		if (!unit)
			return std::nullopt;
		seconds += amount * *unit;
		skip_blanks(text);
	} while (!text.empty());
	return seconds;
}

} // namespace

std::chrono::milliseconds parse_duration(const std::string& option, std::string_view text)
{
	const auto seconds = parse_seconds(text);
	if (!seconds || *seconds > longest)
		throw Error(kind::usage,
			fmt::format("{}: '{}' is not a time from 0 to 1d", option, text),
			"seconds, or with a unit: 500ms, 30s, 5m, 1h, \"1min 30s\"");
	return std::chrono::milliseconds(std::llround(*seconds * 1000));
}

} // namespace iomemgrant
