// SPDX-License-Identifier: GPL-2.0-or-later
// XenStore directories of a publication: one "key=value" a line.  The guest's half is hostile; of
// the granter's half an old or broken tool may have left anything.
#include "lib/publication/publication.h"

#include <map>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/kernel_decode.h"

using namespace iomemgrant;

namespace
{

using Directory = std::map<std::string, std::string, std::less<>>;

Directory directory(std::string_view text)
{
	Directory nodes;
	while (!text.empty()) {
		const auto line = text.substr(0, text.find('\n'));
		const auto equals = line.find('=');
		if (equals != std::string_view::npos)
			nodes[std::string(line.substr(0, equals))] = line.substr(equals + 1);
		text.remove_prefix(std::min(line.size() + 1, text.size()));
	}
	return nodes;
}

std::optional<std::string> value(const Directory& nodes, std::string_view key)
{
	const auto found = nodes.find(key);
	return found == nodes.end() ? std::nullopt : std::optional(found->second);
}

void check_backend(const Directory& nodes)
{
	const auto publication = fuzz::parsed(
		[&] { return decode_backend([&](auto key) { return value(nodes, key); }); });
	if (!publication)
		return;
	REQUIRE(publication->nr_pages > 0);
	REQUIRE(publication->region.nr_pages() == publication->nr_pages);
	REQUIRE(publication->region.end() > publication->region.offset);
	REQUIRE(publication->method != Method::grant ||
		count_refs(publication->refs) == publication->nr_pages);

	const PublicationPath path(Domid(0), Domid(5), GrantId(17));
	const auto encoded = encode_backend(path, *publication);
	const Directory again(encoded.begin(), encoded.end());
	REQUIRE(decode_backend([&](auto key) { return value(again, key); }) == *publication);

	// What one side publishes the other must take.
	const auto versions = value(again, "protocol");
	REQUIRE(kernel::decode_list_has(versions->c_str(), "1"));
}

void check_frontend(const Directory& nodes)
{
	const auto reply = decode_frontend([&](auto key) { return value(nodes, key); });
	REQUIRE(reply.error.size() <= 200);
	for (const char c : reply.error)
		REQUIRE(c >= 0x20 && c <= 0x7e);
	if (reply.state == XenbusState::closed)
		REQUIRE(reply.mapped_pages == 0U);
	else if (reply.mapped_pages)
		REQUIRE(std::to_string(*reply.mapped_pages) == value(nodes, "mapped-pages"));
	if (reply.protocol)
		REQUIRE(std::to_string(*reply.protocol) == value(nodes, "protocol"));
	if (reply.state != XenbusState::unknown)
		REQUIRE(encode_state(reply.state) == value(nodes, "state"));
}

void check_kernel_agrees(const Directory& nodes)
{
	for (const auto& node : nodes) {
		const auto& text = node.second;
		if (text.find('\0') != std::string::npos)
			continue;
		REQUIRE(kernel::decode_label_ok(text.c_str()) == Label::parse(text).has_value());
		// decode_frontend() is the library's reader of numbers.
		const auto reply =
			decode_frontend([&](std::string_view) { return std::optional(text); });
		u64 number = 0;
		const int rc = kernel::decode_whole_number(text.c_str(), UINT64_MAX, &number);
		if (reply.state == XenbusState::closed)
			continue; // its count is not read
		REQUIRE((rc == 0) == reply.mapped_pages.has_value());
		REQUIRE(rc || number == *reply.mapped_pages);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
	const auto nodes = directory(fuzz::text(data, size));
	check_backend(nodes);
	check_frontend(nodes);
	check_kernel_agrees(nodes);
	return 0;
}
