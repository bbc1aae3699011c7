// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/domid.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "lib/text/enum_names.h"
#include "lib/text/one_line.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

bool all_digits(std::string_view text)
{
	return !text.empty() &&
	       std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

// A name reaches us from the command line and leaves in messages: no control characters.
bool is_printable(std::string_view text)
{
	return std::all_of(text.begin(), text.end(),
		[](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

DomainSpec by_id(std::string_view text, bool is_explicit)
{
	const auto id = Domid::parse(text);
	if (!id)
		throw Error(kind::bad_domain,
			fmt::format("'{}' is not a domain id (want 0 to {})", text,
				Domid::first_reserved - 1),
			text.empty()
				? "xl list shows the ids"
				: fmt::format("use name:{} for a domain with that name", text));
	return {DomainSpec::By::id, is_explicit, std::string(text), *id, {}};
}

DomainSpec by_uuid(std::string_view text)
{
	const auto uuid = Uuid::parse(text);
	if (!uuid)
		throw Error(kind::bad_domain, fmt::format("'{}' is not a UUID", text),
			"a UUID reads 6f0c1d2e-0000-4000-8000-00163e000001");
	return {DomainSpec::By::uuid, true, std::string(text), Domid(0), *uuid};
}

constexpr EnumName<DomainType> domain_types[] = {
	{DomainType::pv, "pv"},
	{DomainType::pvh, "pvh"},
	{DomainType::hvm, "hvm"},
};

} // namespace

std::optional<Domid> Domid::parse(std::string_view text)
{
	if (!all_digits(text) || text.size() > 5 || (text.size() > 1 && text[0] == '0'))
		return std::nullopt;
	unsigned value = 0;
	std::from_chars(text.data(), text.data() + text.size(), value);
	if (value >= first_reserved)
		return std::nullopt;
	return Domid(static_cast<std::uint16_t>(value));
}

std::string Domid::str() const
{
	return fmt::format("{}", value_);
}

std::optional<Uuid> Uuid::parse(std::string_view text)
{
	if (text.size() != 36)
		return std::nullopt;
	Bytes bytes{};
	std::size_t nibble = 0;
	for (std::size_t i = 0; i < text.size(); i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return std::nullopt;
			continue;
		}
		const int digit = hex_digit(text[i]);
		if (digit < 0)
			return std::nullopt;
		auto& byte = bytes[nibble / 2];
		byte = static_cast<std::uint8_t>((byte << 4) | digit);
		nibble++;
	}
	return Uuid(bytes);
}

std::string Uuid::str() const
{
	std::string text;
	for (std::size_t i = 0; i < bytes_.size(); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text += '-';
		text += fmt::format("{:02x}", bytes_[i]);
	}
	return text;
}

std::string_view to_string(DomainType type)
{
	return name_in(domain_types, type);
}

std::string describe(const DomainInfo& domain)
{
	if (domain.name.empty())
		return fmt::format("d{}", domain.id.value());
	return fmt::format("{} (d{})", one_line(domain.name), domain.id.value());
}

std::string short_name(const DomainInfo& domain)
{
	return domain.name.empty() ? fmt::format("d{}", domain.id.value()) : one_line(domain.name);
}

DomainSpec DomainSpec::parse(std::string_view text)
{
	if (text.starts_with("id:"))
		return by_id(text.substr(3), true);
	if (text.starts_with("uuid:"))
		return by_uuid(text.substr(5));
	const bool named = text.starts_with("name:");
	const auto name = named ? text.substr(5) : text;
	if (name.empty() || !is_printable(name))
		throw Error(kind::bad_domain,
			"a domain name must not be empty or hold control characters",
			"xl list shows the names; id: and uuid: name a domain as well");
	if (!named && all_digits(name))
		return by_id(name, false);
	if (const auto uuid = Uuid::parse(name); uuid && !named)
		return {By::uuid, false, std::string(name), Domid(0), *uuid};
	return {By::name, named, std::string(name), Domid(0), {}};
}

} // namespace iomemgrant
