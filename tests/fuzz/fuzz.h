// SPDX-License-Identifier: GPL-2.0-or-later
// What the fuzz targets share.  A target is LLVMFuzzerTestOneInput() and states what must hold for
// every input; libFuzzer looks for one for which it does not.
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "lib/values/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz
{

inline std::string_view text(const std::uint8_t* data, std::size_t size)
{
	return {reinterpret_cast<const char*>(data), size};
}

/// Unlike assert() it is there in every build.
inline void require(bool holds, const char* what)
{
	if (holds)
		return;
	std::fprintf(stderr, "does not hold: %s\n", what);
	std::abort();
}

/// What @parse returns; nothing when it throws Error, the one exception it may throw.  The message
/// must be one line that a terminal can show: what was typed is in it.
template <typename Parse>
auto parsed(Parse&& parse) -> std::optional<decltype(parse())>
{
	try {
		return parse();
	} catch (const iomemgrant::Error& error) {
		for (const char c : std::string_view(error.what())) {
			const auto byte = static_cast<unsigned char>(c);
			require(byte >= 0x20 && byte != 0x7f, "no control character in a message");
		}
		require(error.kind().exit > 0 && !error.kind().slug.empty(),
			"a failure has a kind");
		return std::nullopt;
	}
}

} // namespace fuzz

#define REQUIRE(...) fuzz::require((__VA_ARGS__), #__VA_ARGS__)

#endif
