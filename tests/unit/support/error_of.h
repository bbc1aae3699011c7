// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UNIT_ERROR_OF_H
#define UNIT_ERROR_OF_H

#include <optional>
#include <string>

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

/// What an Error says to the user: "message [slug] hint" and its exit status.
struct Said {
	std::string text;
	std::string hint;
	int exit = 0;

	friend bool operator==(const Said&, const Said&) = default;
	friend void PrintTo(const Said& said, std::ostream* out)
	{
		*out << fmt::format("{} / {} -> {}", said.text, said.hint, said.exit);
	}
};

/// Runs @act and tells what Error it throws; exit 0 and no text when it throws none.
template <typename Act>
Said error_of(Act&& act)
{
	try {
		(void)act();
		return {};
	} catch (const Error& error) {
		return {fmt::format("{} [{}]", error.what(), error.kind().slug), error.hint(),
			error.kind().exit};
	}
}

} // namespace iomemgrant

#endif
