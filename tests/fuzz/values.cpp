// SPDX-License-Identifier: GPL-2.0-or-later
// The small values: byte sizes, labels, grant ids, classes to allow, cache types.
#include "tests/fuzz/fuzz.h"

#include "lib/text/byte_size.h"
#include "lib/text/one_line.h"
#include "lib/values/allow.h"
#include "lib/values/grant.h"
#include "lib/values/grant_name.h"
#include "lib/values/label.h"

using namespace iomemgrant;

namespace
{

void check_byte_size(std::string_view text)
{
	const auto bytes = parse_byte_size(text);
	if (!bytes)
		return;
	REQUIRE(parse_byte_size(format_byte_size(*bytes)) == bytes);
	REQUIRE(!describe_byte_size(*bytes).empty());
	// Only letters that mean something.
	REQUIRE(text.find_first_not_of("0123456789abcdefABCDEFxXkKmMgG") == std::string_view::npos);
}

void check_label(std::string_view text)
{
	const auto label = Label::parse(text);
	REQUIRE(fuzz::parsed([&] { return Label::from_user(text); }) == label);
	if (!label)
		return;
	// It becomes a file name in the guest.
	REQUIRE(label->str() == text && text.size() < 64);
	REQUIRE(text != "." && text != ".." && text.find('/') == std::string_view::npos);
}

void check_grant_id(std::string_view text)
{
	const auto id = GrantId::parse(text);
	REQUIRE(fuzz::parsed([&] { return GrantId::from_user(text); }) == id);
	if (id)
		REQUIRE(id->str() == text || id->str().substr(1) == text);
}

void check_grant_name(std::string_view text)
{
	const auto name = fuzz::parsed([&] { return GrantName::parse(text); });
	if (!name)
		return;
	REQUIRE(name->id || name->label);
	REQUIRE(!name->guest || (name->label && !name->id));
	REQUIRE(!name->describe().empty());
}

// What people see is one line of valid UTF-8, and cleaning it again changes nothing.
void check_one_line(std::string_view text)
{
	const auto line = one_line(text);
	REQUIRE(one_line(line) == line && line.size() <= text.size());
	REQUIRE(line.find_first_of("\x1b\n\r\x7f") == std::string::npos);
}

void check_allow(std::string_view text)
{
	const auto allow = fuzz::parsed([&] { return AllowSet::parse(text); });
	if (!allow)
		return;
	std::string names;
	for (const auto& name : allow->names())
		names += (names.empty() ? "" : ",") + std::string(name);
	REQUIRE(names.empty() || AllowSet::parse(names) == *allow);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
	const auto text = fuzz::text(data, size);
	check_byte_size(text);
	check_label(text);
	check_grant_id(text);
	check_grant_name(text);
	check_one_line(text);
	check_allow(text);
	(void)fuzz::parsed([&] { return parse_cache(text); });
	return 0;
}
