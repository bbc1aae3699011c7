// SPDX-License-Identifier: GPL-2.0-or-later
// Lists of references, read by two programs that must never disagree: the library, which writes
// them, and the guest's kernel, which maps what it reads.
#include "lib/publication/publication.h"

#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/kernel_decode.h"

using namespace iomemgrant;

namespace
{

// Like the module's own limit of a grant; the kernel writes one number a page.
constexpr u32 max_pages = 4096;

std::vector<u32> numbers_of(const std::vector<RefRange>& refs)
{
	std::vector<u32> numbers;
	for (const auto& range : refs) {
		for (u32 i = 0; i < range.count; i++)
			numbers.push_back(range.first + i);
	}
	return numbers;
}

void check_kernel_agrees(const std::string& text, const std::optional<std::vector<RefRange>>& refs)
{
	std::vector<u32> numbers(max_pages);
	u32 nr = 0;
	const int rc = kernel::decode_refs(text.c_str(), numbers.data(), max_pages, &nr);
	if (!refs) {
		REQUIRE(rc < 0);
	} else if (count_refs(*refs) > max_pages) {
		REQUIRE(rc == -EFBIG);
	} else {
		REQUIRE(rc == 0);
		numbers.resize(nr);
		REQUIRE(numbers == numbers_of(*refs));
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
	const std::string text(fuzz::text(data, size));
	const auto refs = decode_refs(text);
	if (refs) {
		REQUIRE(!refs->empty());
		REQUIRE(count_refs(*refs) >= refs->size());
		REQUIRE(decode_refs(encode_refs(*refs)) == refs);
		REQUIRE(encode_refs(*refs).size() <= text.size());
	}
	// The kernel refuses a value with a NUL in it before it gets this far.
	if (text.find('\0') == std::string::npos)
		check_kernel_agrees(text, refs);
	return 0;
}
