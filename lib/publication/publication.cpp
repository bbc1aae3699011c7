// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/publication/publication.h"

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "lib/text/byte_size.h"
#include "lib/text/enum_names.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// References below are Xen's own (console, XenStore).
constexpr std::uint32_t first_free_ref = 8;

// As the protocol writes numbers: decimal, no sign, no leading zero, nothing after them.
template <typename Number>
std::optional<Number> decimal(std::string_view text)
{
	Number value = 0;
	const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
	if (text.empty() || status != std::errc() || end != text.data() + text.size() ||
		(text.size() > 1 && text[0] == '0'))
		return std::nullopt;
	return value;
}

std::optional<std::uint64_t> hexadecimal(std::string_view text)
{
	if (!text.starts_with("0x"))
		return std::nullopt;
	text.remove_prefix(2);
	std::uint64_t value = 0;
	const auto [end, status] =
		std::from_chars(text.data(), text.data() + text.size(), value, 16);
	if (text.empty() || status != std::errc() || end != text.data() + text.size())
		return std::nullopt;
	return value;
}

[[noreturn]] void malformed(std::string_view key, std::string_view value)
{
	throw Error(kind::protocol_mismatch,
		fmt::format("XenStore node '{}' holds '{}', which xen-iomemgrant(7) does not allow",
			key, printable(value)));
}

std::string required(const ReadNode& read, std::string_view key)
{
	auto value = read(key);
	if (!value)
		throw Error(
			kind::protocol_mismatch, fmt::format("XenStore node '{}' is missing", key));
	if (value->size() > max_refs_length)
		malformed(key, *value);
	return *value;
}

std::uint64_t required_number(
	const ReadNode& read, std::string_view key, std::uint64_t least, std::uint64_t most)
{
	const auto text = required(read, key);
	const auto value = decimal<std::uint64_t>(text);
	if (!value || *value < least || *value > most)
		malformed(key, text);
	return *value;
}

std::uint64_t required_frame(const ReadNode& read, std::string_view key)
{
	const auto text = required(read, key);
	const auto frame = hexadecimal(text);
	if (!frame)
		malformed(key, text);
	return *frame;
}

bool offers_our_protocol(std::string_view list)
{
	while (true) {
		const auto version = list.substr(0, list.find(','));
		if (decimal<unsigned>(version) == protocol_version)
			return true;
		if (version.size() == list.size())
			return false;
		list.remove_prefix(version.size() + 1);
	}
}

void decode_location(const ReadNode& read, Publication& publication)
{
	if (required(read, "method") == "domctl") {
		publication.method = Method::domctl;
		if (read("gfn"))
			publication.gfn = required_frame(read, "gfn");
		else
			publication.mfn = required_frame(read, "mfn");
		return;
	}
	if (const auto method = required(read, "method"); method != "grant")
		malformed("method", method);
	const auto text = required(read, "refs");
	const auto refs = decode_refs(text);
	if (!refs || count_refs(*refs) != publication.nr_pages)
		malformed("refs", text);
	publication.refs = *refs;
}

constexpr EnumName<XenbusState> state_names[] = {
	{XenbusState::unknown, "unknown"},
	{XenbusState::initialising, "initialising"},
	{XenbusState::init_wait, "init-wait"},
	{XenbusState::initialised, "initialised"},
	{XenbusState::connected, "connected"},
	{XenbusState::closing, "closing"},
	{XenbusState::closed, "closed"},
	{XenbusState::reconfiguring, "reconfiguring"},
	{XenbusState::reconfigured, "reconfigured"},
};

} // namespace

std::string_view to_string(XenbusState state)
{
	return name_in(state_names, state);
}

std::string encode_state(XenbusState state)
{
	return fmt::format("{}", static_cast<int>(state));
}

XenbusState decode_state(const std::optional<std::string>& value)
{
	if (!value)
		return XenbusState::unknown;
	const auto number = decimal<unsigned>(*value);
	if (!number || *number > static_cast<unsigned>(XenbusState::reconfigured))
		return XenbusState::unknown;
	return static_cast<XenbusState>(*number);
}

std::string_view to_string(Method method)
{
	return method == Method::grant ? "grant" : "domctl";
}

std::string PublicationPath::home(Domid domid)
{
	return fmt::format("/local/domain/{}", domid.value());
}

std::string PublicationPath::home(Domid domid, std::string_view key)
{
	return fmt::format("{}/{}", home(domid), key);
}

std::string PublicationPath::backends(Domid granter)
{
	return home(granter, "backend/iomem");
}

std::string PublicationPath::backends(Domid granter, Domid grantee)
{
	return fmt::format("{}/{}", backends(granter), grantee.value());
}

std::string PublicationPath::frontends(Domid grantee)
{
	return home(grantee, "device/iomem");
}

std::string PublicationPath::name() const
{
	return fmt::format("{}", id_.value());
}

std::string PublicationPath::backend() const
{
	return fmt::format("{}/{}", backends(granter_, grantee_), name());
}

std::string PublicationPath::backend(std::string_view key) const
{
	return fmt::format("{}/{}", backend(), key);
}

std::string PublicationPath::frontend() const
{
	return fmt::format("{}/{}", frontends(grantee_), name());
}

std::string PublicationPath::frontend(std::string_view key) const
{
	return fmt::format("{}/{}", frontend(), key);
}

Nodes encode_backend(const PublicationPath& path, const Publication& publication)
{
	Nodes nodes = {
		{"frontend", path.frontend()},
		{"frontend-id", path.grantee().str()},
		{"online", "1"},
		{"protocol", fmt::format("{}", protocol_version)},
		{"method", std::string(to_string(publication.method))},
		{"nr-pages", fmt::format("{}", publication.nr_pages)},
		{"page-size", fmt::format("{}", page_size)},
		{"mode", std::string(to_string(publication.mode))},
		{"cache", std::string(to_string(publication.cache))},
		{"uuid", publication.uuid.str()},
		{"bdf", publication.region.sbdf.str()},
		{"bar", fmt::format("{}", publication.region.bar)},
		{"offset", fmt::format("{}", publication.region.offset)},
	};
	if (publication.method == Method::grant)
		nodes.emplace_back("refs", encode_refs(publication.refs));
	else if (publication.gfn)
		nodes.emplace_back("gfn", fmt::format("{:#x}", publication.gfn));
	else
		nodes.emplace_back("mfn", fmt::format("{:#x}", publication.mfn));
	if (publication.label)
		nodes.emplace_back("label", publication.label->str());
	nodes.emplace_back("state", encode_state(XenbusState::connected));
	return nodes;
}

Nodes encode_frontend(const PublicationPath& path)
{
	return {
		{"backend", path.backend()},
		{"backend-id", path.granter().str()},
		{"state", encode_state(XenbusState::initialising)},
	};
}

Publication decode_backend(const ReadNode& read)
{
	Publication publication;
	if (const auto versions = required(read, "protocol"); !offers_our_protocol(versions))
		malformed("protocol", versions);
	required_number(read, "page-size", page_size, page_size);
	publication.nr_pages =
		required_number(read, "nr-pages", 1, std::numeric_limits<std::uint32_t>::max());
	decode_location(read, publication);

	const auto mode = required(read, "mode");
	if (mode != "rw" && mode != "ro")
		malformed("mode", mode);
	publication.mode = mode == "ro" ? Access::read_only : Access::read_write;
	const auto cache = required(read, "cache");
	if (cache != "uc" && cache != "wc")
		malformed("cache", cache);
	publication.cache = cache == "wc" ? Cache::write_combining : Cache::uncached;

	if (const auto text = read("label")) {
		publication.label = Label::parse(*text);
		if (!publication.label)
			malformed("label", *text);
	}
	const auto uuid_text = required(read, "uuid");
	const auto uuid = Uuid::parse(uuid_text);
	if (!uuid)
		malformed("uuid", uuid_text);
	publication.uuid = *uuid;

	const auto bdf = required(read, "bdf");
	const auto sbdf = Sbdf::parse(bdf);
	if (!sbdf || sbdf->str() != bdf)
		malformed("bdf", bdf);
	publication.region.sbdf = *sbdf;
	publication.region.bar = static_cast<unsigned>(required_number(read, "bar", 0, 5));
	publication.region.offset =
		required_number(read, "offset", 0, std::numeric_limits<std::uint64_t>::max() / 4);
	if (publication.region.offset % page_size)
		malformed("offset", fmt::format("{}", publication.region.offset));
	publication.region.length = publication.nr_pages * page_size;
	return publication;
}

GuestReply decode_frontend(const ReadNode& read)
{
	const auto bounded = [&read](std::string_view key) -> std::optional<std::string> {
		auto value = read(key);
		if (value && value->size() > max_guest_value)
			value->resize(max_guest_value);
		return value;
	};
	GuestReply reply;
	reply.state = decode_state(bounded("state"));
	if (const auto text = bounded("protocol"))
		reply.protocol = decimal<std::uint32_t>(*text);
	// A guest that closes leaves its last count behind.
	if (reply.state == XenbusState::closed)
		reply.mapped_pages = 0;
	else if (const auto text = bounded("mapped-pages"))
		reply.mapped_pages = decimal<std::uint64_t>(*text);
	if (const auto text = bounded("error"))
		reply.error = printable(*text);
	return reply;
}

std::string encode_refs(const std::vector<RefRange>& refs)
{
	std::string text;
	for (const auto& range : refs) {
		if (!text.empty())
			text += ',';
		text += fmt::format("{}", range.first);
		if (range.count > 1)
			text += fmt::format("-{}", std::uint64_t{range.first} + range.count - 1);
	}
	return text;
}

std::optional<std::vector<RefRange>> decode_refs(std::string_view text)
{
	if (text.size() > max_refs_length)
		return std::nullopt;
	std::vector<RefRange> refs;
	std::uint64_t total = 0;
	while (true) {
		const auto part = text.substr(0, text.find(','));
		const auto dash = part.find('-');
		const auto first = decimal<std::uint32_t>(part.substr(0, dash));
		const auto last = dash == std::string_view::npos
					  ? first
					  : decimal<std::uint32_t>(part.substr(dash + 1));
		if (!first || !last || *first < first_free_ref || *last < *first)
			return std::nullopt;
		const std::uint64_t count = std::uint64_t{*last} - *first + 1;
		total += count;
		if (total > std::numeric_limits<std::uint32_t>::max())
			return std::nullopt;
		refs.push_back({*first, static_cast<std::uint32_t>(count)});
		if (part.size() == text.size())
			return refs;
		text.remove_prefix(part.size() + 1);
	}
}

std::uint64_t count_refs(const std::vector<RefRange>& refs)
{
	std::uint64_t total = 0;
	for (const auto& range : refs)
		total += range.count;
	return total;
}

std::string printable(std::string_view text)
{
	std::string clean(text.substr(0, 200));
	for (auto& c : clean) {
		if (c < 0x20 || c > 0x7e)
			c = '?';
	}
	return clean;
}

} // namespace iomemgrant
