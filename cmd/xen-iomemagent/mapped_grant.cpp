// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/mapped_grant.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "lib/publication/publication.h"
#include "lib/text/byte_size.h"

namespace iomemgrant::agent
{

namespace
{

namespace fs = std::filesystem;

// One mapN directory.  Reading it races with the mapping going away, which is no error.
class Attributes
{
public:
	explicit Attributes(fs::path directory) : directory_(std::move(directory)) {}

	std::optional<std::string> text(const char* name) const
	{
		std::ifstream file(directory_ / name);
		std::string value(std::istreambuf_iterator<char>(file), {});
		if (!file)
			return std::nullopt;
		if (value.ends_with('\n'))
			value.pop_back();
		if (value == "-")
			return std::nullopt;
		return value;
	}

	std::optional<std::uint64_t> number(const char* name) const
	{
		const auto value = text(name);
		if (!value)
			return std::nullopt;
		const auto parsed = parse_byte_size(*value);
		if (!parsed)
			throw malformed(name, *value);
		return parsed;
	}

	Error malformed(const char* name, const std::string& value) const
	{
		return {iomemgrant::kind::internal,
			fmt::format(
				"{}: unexpected value '{}'", (directory_ / name).string(), value),
			"is the module of another version loaded? modinfo xen_iomemgrant"};
	}

private:
	fs::path directory_;
};

// The id is -1 for a mapping made by ioctl.
std::optional<GrantId> read_id(const Attributes& attributes)
{
	const auto value = attributes.text("devid");
	if (!value || *value == "-1")
		return std::nullopt;
	const auto id = GrantId::parse(*value);
	if (!id)
		throw attributes.malformed("devid", *value);
	return id;
}

std::optional<MappedGrant> read_mapped_grant(const Roots& roots, const fs::path& directory)
{
	const Attributes attributes(directory);
	const auto state = attributes.text("state");
	const auto length = attributes.number("length");
	const auto nr_refs = attributes.number("nr_refs");
	if (!state || !length || !nr_refs)
		return std::nullopt;

	MappedGrant grant;
	grant.state = *state;
	grant.length = *length;
	grant.nr_pages = *nr_refs;
	grant.id = read_id(attributes);
	if (grant.id)
		grant.node = roots.nodes() / std::to_string(grant.id->value());
	if (const auto label = attributes.text("label"))
		grant.label = Label::parse(*label);
	if (const auto uuid = attributes.text("uuid"))
		grant.uuid = Uuid::parse(*uuid).value_or(Uuid());
	if (const auto refs = attributes.text("refs"))
		grant.refs = decode_refs(*refs).value_or(std::vector<RefRange>());
	if (const auto changes = attributes.text("changes"))
		grant.changes = Grant::Changes::parse(*changes);
	if (const auto granter = attributes.text("remote_domid"))
		grant.granter = Domid::parse(*granter).value_or(Domid(0));
	if (const auto cache = attributes.text("cache"))
		grant.cache = *cache == "wc" ? Cache::write_combining : Cache::uncached;
	if (attributes.number("readonly").value_or(0))
		grant.access = Access::read_only;
	grant.users = attributes.number("users").value_or(0);
	grant.gfn = attributes.number("gfn");
	return grant;
}

std::optional<unsigned> map_number(const std::string& name)
{
	constexpr std::string_view prefix = "map";
	unsigned number = 0;
	if (!name.starts_with(prefix))
		return std::nullopt;
	const char* end = name.data() + name.size();
	const auto [stop, status] = std::from_chars(name.data() + prefix.size(), end, number);
	if (status != std::errc() || stop != end)
		return std::nullopt;
	return number;
}

} // namespace

std::string MappedGrant::name() const
{
	return id ? id->str() : fmt::format("map{}", map);
}

std::vector<MappedGrant> read_mapped_grants_if_any(const Roots& roots)
{
	std::vector<MappedGrant> grants;
	std::error_code none;
	for (const auto& entry : fs::directory_iterator(roots.maps(), none)) {
		const auto number = map_number(entry.path().filename());
		if (!number)
			continue;
		if (auto grant = read_mapped_grant(roots, entry.path())) {
			grant->map = *number;
			grants.push_back(std::move(*grant));
		}
	}
	std::sort(grants.begin(), grants.end(), [](const auto& a, const auto& b) {
		if (a.id.has_value() != b.id.has_value())
			return a.id.has_value();
		return a.id ? *a.id < *b.id : a.map < b.map;
	});
	return grants;
}

std::vector<MappedGrant> read_mapped_grants(const Roots& roots)
{
	if (!fs::is_directory(roots.maps()))
		throw Error(iomemgrant::kind::no_module,
			fmt::format("{} is missing", roots.maps().string()),
			"modprobe xen_iomemgrant");
	return read_mapped_grants_if_any(roots);
}

const MappedGrant* find_in(const std::vector<MappedGrant>& grants, const GrantName& name)
{
	if (name.guest)
		throw Error(iomemgrant::kind::bad_grant_id,
			fmt::format("'{}' names a guest, and a guest has only its own grants",
				name.str()),
			fmt::format("label:{}", name.label->str()));
	const MappedGrant* by_id = nullptr;
	const MappedGrant* by_label = nullptr;
	for (const auto& grant : grants) {
		if (name.id && grant.id == name.id)
			by_id = &grant;
		// A revoked grant may linger beside a new one with its label.
		if (name.label && grant.label == name.label && (!by_label || grant.is_mapped()))
			by_label = &grant;
	}
	if (by_id && by_label && by_id != by_label)
		throw Error(iomemgrant::kind::ambiguous_grant,
			fmt::format("'{}' is the id of one grant and the label of {}",
				name.label->str(), by_label->name()),
			fmt::format("use id:{} or label:{}", name.id->value(), name.label->str()));
	return by_id ? by_id : by_label;
}

Error no_grant(const GrantName& name)
{
	return {iomemgrant::kind::no_grant,
		fmt::format("no grant {} is mapped in this guest", name.describe()),
		"xen-iomemagent list"};
}

MappedGrant find_mapped(const Roots& roots, const GrantName& name)
{
	const auto grants = read_mapped_grants(roots);
	const auto* grant = find_in(grants, name);
	if (!grant || !grant->id)
		throw no_grant(name);
	if (!grant->is_mapped())
		throw Error(kind::revoked, fmt::format("{} is no longer mapped (state '{}')",
						   grant->name(), grant->state));
	return *grant;
}

} // namespace iomemgrant::agent
