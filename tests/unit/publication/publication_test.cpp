// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/publication/publication.h"

#include <map>

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

using Directory = std::map<std::string, std::string, std::less<>>;

const PublicationPath path(Domid(0), Domid(5), GrantId(17));

Publication two_pages()
{
	Publication publication;
	publication.refs = {{2048, 2}};
	publication.nr_pages = 2;
	publication.label = Label::parse("nic-doorbell");
	publication.uuid = *Uuid::parse("6f0c1d2e-0011-4000-8000-00163e000001");
	publication.region = {*Sbdf::parse("03:00.0"), 2, 0x4000, 0x2000};
	return publication;
}

Directory directory(const Nodes& nodes)
{
	return {nodes.begin(), nodes.end()};
}

ReadNode reader(const Directory& nodes)
{
	return [&nodes](std::string_view key) -> std::optional<std::string> {
		const auto found = nodes.find(key);
		if (found == nodes.end())
			return std::nullopt;
		return found->second;
	};
}

Directory backend_with(const std::string& key, const std::string& value)
{
	auto nodes = directory(encode_backend(path, two_pages()));
	nodes[key] = value;
	return nodes;
}

Said refusal(const Directory& nodes)
{
	return error_of([&nodes] { return decode_backend(reader(nodes)); });
}

} // namespace

TEST(Publication, paths_are_those_of_the_protocol_page)
{
	EXPECT_EQ(path.backend(), "/local/domain/0/backend/iomem/5/17");
	EXPECT_EQ(path.backend("state"), "/local/domain/0/backend/iomem/5/17/state");
	EXPECT_EQ(path.frontend(), "/local/domain/5/device/iomem/17");
	EXPECT_EQ(PublicationPath::backends(Domid(0)), "/local/domain/0/backend/iomem");
	EXPECT_EQ(PublicationPath::backends(Domid(0), Domid(5)), "/local/domain/0/backend/iomem/5");
	EXPECT_EQ(PublicationPath::frontends(Domid(5)), "/local/domain/5/device/iomem");
	EXPECT_EQ(PublicationPath::home(Domid(5), "name"), "/local/domain/5/name");
}

TEST(Publication, the_backend_directory_holds_exactly_the_nodes_of_the_protocol_page)
{
	EXPECT_EQ(directory(encode_backend(path, two_pages())),
		(Directory{
			{"frontend", "/local/domain/5/device/iomem/17"},
			{"frontend-id", "5"},
			{"online", "1"},
			{"state", "4"},
			{"protocol", "1"},
			{"method", "grant"},
			{"refs", "2048-2049"},
			{"nr-pages", "2"},
			{"page-size", "4096"},
			{"mode", "rw"},
			{"cache", "uc"},
			{"label", "nic-doorbell"},
			{"uuid", "6f0c1d2e-0011-4000-8000-00163e000001"},
			{"bdf", "0000:03:00.0"},
			{"bar", "2"},
			{"offset", "16384"},
		}));
	EXPECT_EQ(directory(encode_frontend(path)),
		(Directory{
			{"backend", "/local/domain/0/backend/iomem/5/17"},
			{"backend-id", "0"},
			{"state", "1"},
		}));
}

TEST(Publication, the_state_is_written_last)
{
	// A guest on an unwatched store could otherwise see Connected before the references.
	EXPECT_EQ(encode_backend(path, two_pages()).back().first, "state");
	EXPECT_EQ(encode_frontend(path).back().first, "state");
}

TEST(Publication, decoding_gives_back_what_was_encoded)
{
	auto publication = two_pages();
	auto nodes = directory(encode_backend(path, publication));
	EXPECT_EQ(decode_backend(reader(nodes)), publication);

	publication.label.reset();
	publication.cache = Cache::write_combining;
	nodes = directory(encode_backend(path, publication));
	EXPECT_EQ(nodes.count("label"), 0U);
	EXPECT_EQ(decode_backend(reader(nodes)), publication);

	publication.method = Method::domctl;
	publication.refs.clear();
	publication.gfn = 0x100000;
	nodes = directory(encode_backend(path, publication));
	EXPECT_EQ(nodes.at("gfn"), "0x100000");
	EXPECT_EQ(nodes.count("refs"), 0U);
	EXPECT_EQ(decode_backend(reader(nodes)), publication);
}

TEST(Publication, a_missing_node_is_named)
{
	auto nodes = directory(encode_backend(path, two_pages()));
	nodes.erase("refs");
	EXPECT_EQ(refusal(nodes),
		(Said{"XenStore node 'refs' is missing [protocol-mismatch]", "", 9}));
}

TEST(Publication, every_malformed_node_is_refused)
{
	const std::pair<const char*, std::string> bad[] = {{"protocol", "2"}, {"protocol", ""},
		{"protocol", "01"}, {"method", "copy"}, {"page-size", "8192"}, {"nr-pages", "0"},
		{"nr-pages", "3"}, {"nr-pages", "-1"}, {"nr-pages", "4294967296"}, {"refs", ""},
		{"refs", "2049-2048"}, {"refs", "2048-2049,"}, {"refs", "2048:1"},
		{"refs", std::string(2000, '1')}, {"mode", "wo"}, {"cache", "wb"},
		{"label", "../x"}, {"uuid", "0"}, {"bdf", "03:00.0"}, {"bdf", "x"}, {"bar", "6"},
		{"offset", "100"}, {"offset", "0x4000"}};
	for (const auto& [key, value] : bad)
		EXPECT_EQ(refusal(backend_with(key, value)).exit, 9) << key << "=" << value;
	EXPECT_EQ(refusal(backend_with("cache", "wb\n")).text,
		"XenStore node 'cache' holds 'wb?', which xen-iomemgrant(7) does not allow "
		"[protocol-mismatch]");
}

TEST(Publication, one_of_several_offered_versions_may_be_ours)
{
	EXPECT_EQ(refusal(backend_with("protocol", "1,2")).exit, 0);
	EXPECT_EQ(refusal(backend_with("protocol", "2,1")).exit, 0);
	EXPECT_EQ(refusal(backend_with("protocol", "2,3")).exit, 9);
}

TEST(GuestReply, a_hostile_guest_yields_bounded_printable_claims)
{
	const Directory nodes = {
		{"state", "99"},
		{"protocol", "18446744073709551616"},
		{"mapped-pages", "2 "},
		{"error", std::string("ENODEV \x1b[2J") + std::string(5000, 'x')},
	};
	const auto reply = decode_frontend(reader(nodes));
	EXPECT_EQ(reply.state, XenbusState::unknown);
	EXPECT_EQ(reply.protocol, std::nullopt);
	EXPECT_EQ(reply.mapped_pages, std::nullopt);
	EXPECT_EQ(reply.error.size(), 200U);
	EXPECT_EQ(reply.error.substr(0, 12), "ENODEV ?[2Jx");
}

TEST(GuestReply, an_honest_guest_is_understood)
{
	const Directory nodes = {{"state", "4"}, {"protocol", "1"}, {"mapped-pages", "2"}};
	const auto reply = decode_frontend(reader(nodes));
	EXPECT_EQ(reply, (GuestReply{XenbusState::connected, 1, 2, ""}));
	EXPECT_EQ(decode_frontend(reader({})), GuestReply{});
	const Directory closed = {{"state", "6"}, {"protocol", "1"}, {"mapped-pages", "2"}};
	EXPECT_EQ(decode_frontend(reader(closed)), (GuestReply{XenbusState::closed, 1, 0, ""}));
}

TEST(Refs, ranges_round_trip)
{
	for (const auto* text : {"8", "2048-2049,2060", "8-4294967295", "10,9,8"}) {
		const auto refs = decode_refs(text);
		ASSERT_TRUE(refs) << text;
		EXPECT_EQ(encode_refs(*refs), text);
	}
	EXPECT_EQ(count_refs(*decode_refs("2048-2049,2060")), 3U);
	EXPECT_EQ(encode_refs({}), "");
}

TEST(Refs, anything_else_is_refused)
{
	for (const auto* text : {"", ",", "1,", ",1", "1-", "-1", "2-1", "01", "1 ", "1-2-3", "1:0",
		     "4294967296", "8-4294967295,8-15", "08", "20-10", "10:0"})
		EXPECT_EQ(decode_refs(text), std::nullopt) << text;
}

TEST(Refs, those_of_xen_itself_are_refused)
{
	for (const auto* text : {"0", "7", "7-8", "8,1", "0-4294967294"})
		EXPECT_EQ(decode_refs(text), std::nullopt) << text;
}
