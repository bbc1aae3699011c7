// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/duration.h"

#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

TEST(Duration, is_written_as_for_systemd)
{
	using std::chrono::milliseconds;
	const std::pair<const char*, int> spans[] = {{"10", 10000}, {"0.5", 500}, {"0", 0},
		{"500ms", 500}, {"5m", 300000}, {"5min", 300000}, {"1h", 3600000},
		{"1min 30s", 90000}, {"1min30s", 90000}, {" 2 s ", 2000}, {"1d", 86400000},
		{"1.5h", 5400000}, {"250000us", 250}};
	for (const auto& [text, expected] : spans)
		EXPECT_EQ(parse_duration("--wait", text), milliseconds(expected)) << text;
}

TEST(Duration, what_is_none_or_longer_than_a_day_is_refused)
{
	EXPECT_EQ(error_of([] { return parse_duration("--wait", "soon"); }),
		(Said{"--wait: 'soon' is not a time from 0 to 1d [usage]",
			"seconds, or with a unit: 500ms, 30s, 5m, 1h, \"1min 30s\"", 2}));
	for (const auto* text : {"", " ", "nan", "inf", "-1", "+1", "1e3", "1x", "5M", "1 2 x", "s",
		     "86401", "25h", "0x10", "1,5", "1..2", "99999999999999999999999999"})
		EXPECT_EQ(error_of([&] { return parse_duration("--wait", text); }).exit, 2) << text;
}
