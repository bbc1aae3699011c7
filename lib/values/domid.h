// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_DOMID_H
#define IOMEMGRANT_DOMID_H

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace iomemgrant
{

/// Number of a domain: 0 to 0x7fef.  The reserved numbers above name no domain.
class Domid
{
public:
	static constexpr std::uint16_t first_reserved = 0x7ff0;

	constexpr explicit Domid(std::uint16_t value) : value_(value) {}

	/// Strict: decimal, no sign, no leading zero, below first_reserved.
	static std::optional<Domid> parse(std::string_view text);

	constexpr std::uint16_t value() const { return value_; }
	std::string str() const;

	friend constexpr auto operator<=>(Domid, Domid) = default;

private:
	std::uint16_t value_;
};

/// A domain's UUID; zeros mean unknown.
class Uuid
{
public:
	using Bytes = std::array<std::uint8_t, 16>;

	constexpr Uuid() = default;
	constexpr explicit Uuid(const Bytes& bytes) : bytes_(bytes) {}

	/// Accepts 8-4-4-4-12 hexadecimal digits in either case.
	static std::optional<Uuid> parse(std::string_view text);

	const Bytes& bytes() const { return bytes_; }
	bool known() const { return bytes_ != Bytes{}; }
	std::string str() const;

	friend bool operator==(const Uuid&, const Uuid&) = default;

private:
	Bytes bytes_{};
};

enum class DomainType { pv, pvh, hvm };
std::string_view to_string(DomainType type);

/// A domain as the hypervisor describes it; the name is XenStore's and may be missing.
struct DomainInfo {
	Domid id{0};
	Uuid uuid;
	DomainType type = DomainType::pv;
	bool dying = false;
	bool paused = false;
	bool shutdown = false;
	/// It shut itself down to be saved or migrated.
	bool suspended = false;
	std::string name;
};

/// "web1 (d5)", or "d5" for a domain without a name.
std::string describe(const DomainInfo& domain);
/// The name, or "d5".
std::string short_name(const DomainInfo& domain);

/// A domain as the user names it: bare digits are an id, a UUID is a UUID, anything else a name;
/// `name:`, `id:` and `uuid:` say it explicitly.
struct DomainSpec {
	enum class By { id, uuid, name };

	By by = By::name;
	bool is_explicit = false;
	std::string text;
	Domid id{0};
	Uuid uuid;

	/// Throws Error bad-domain.
	static DomainSpec parse(std::string_view text);
};

} // namespace iomemgrant

#endif
