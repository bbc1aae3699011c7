// SPDX-License-Identifier: LGPL-2.1-or-later
// The XenStore protocol of xen-iomemgrant(7): every path and every node is built and parsed here
// and nowhere else.  Change the manual page in the same commit.
#ifndef IOMEMGRANT_PUBLICATION_H
#define IOMEMGRANT_PUBLICATION_H

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/values/grant.h"
#include "lib/values/label.h"

namespace iomemgrant
{

/// States both sides write, with Xen's numbers (xen/io/xenbus.h).
enum class XenbusState {
	unknown = 0,
	initialising = 1,
	init_wait = 2,
	initialised = 3,
	connected = 4,
	closing = 5,
	closed = 6,
	reconfiguring = 7,
	reconfigured = 8,
};

std::string_view to_string(XenbusState state);
/// The decimal number of @state, as it stands in XenStore.
std::string encode_state(XenbusState state);
/// Anything that is not a state number, and a missing node, is unknown.
XenbusState decode_state(const std::optional<std::string>& value);

/// Where one publication lives.
class PublicationPath
{
public:
	/// @id: the number of the device, in most cases that of the grant.
	PublicationPath(Domid granter, Domid grantee, GrantId id)
		: granter_(granter), grantee_(grantee), id_(id)
	{
	}

	Domid granter() const { return granter_; }
	Domid grantee() const { return grantee_; }
	GrantId id() const { return id_; }

	/// <id>: what both directories of the publication are called.
	std::string name() const;
	/// /local/domain/<granter>/backend/iomem/<grantee>/<id>
	std::string backend() const;
	std::string backend(std::string_view key) const;
	/// /local/domain/<grantee>/device/iomem/<id>
	std::string frontend() const;
	std::string frontend(std::string_view key) const;

	/// /local/domain/<granter>/backend/iomem: one directory per grantee.
	static std::string backends(Domid granter);
	/// /local/domain/<granter>/backend/iomem/<grantee>: one directory per grant.
	static std::string backends(Domid granter, Domid grantee);
	/// /local/domain/<grantee>/device/iomem: one directory per grant.
	static std::string frontends(Domid grantee);
	/// /local/domain/<domid>, and a node in it.
	static std::string home(Domid domid);
	static std::string home(Domid domid, std::string_view key);

	friend auto operator<=>(const PublicationPath&, const PublicationPath&) = default;

private:
	Domid granter_;
	Domid grantee_;
	GrantId id_;
};

enum class Method { grant, domctl };
std::string_view to_string(Method method);

/// The granter's half of a publication, its backend directory.
struct Publication {
	Method method = Method::grant;
	std::vector<RefRange> refs; ///< method grant: ordered, one page each
	std::uint64_t gfn = 0;      ///< method domctl, HVM and PVH
	std::uint64_t mfn = 0;      ///< method domctl, PV
	std::uint64_t nr_pages = 0;
	Access mode = Access::read_write;
	Cache cache = Cache::uncached;
	std::optional<Label> label;
	Uuid uuid;
	Region region; ///< length is nr_pages pages

	friend bool operator==(const Publication&, const Publication&) = default;
};

/// The guest's half of a publication, its frontend directory.  The guest may write anything there,
/// so every field is a claim, bounded and printable.
struct GuestReply {
	XenbusState state = XenbusState::unknown;
	std::optional<std::uint32_t> protocol;
	std::optional<std::uint64_t> mapped_pages;
	std::string error;

	friend bool operator==(const GuestReply&, const GuestReply&) = default;
};

using Nodes = std::vector<std::pair<std::string, std::string>>;
/// Value of a key below the directory being decoded; absent when there is no such node.
using ReadNode = std::function<std::optional<std::string>(std::string_view key)>;

inline constexpr unsigned protocol_version = 1;
/// Longest `refs` value; a longer list would need `ref-directory`.
inline constexpr std::size_t max_refs_length = 1024;
/// Longest value either side reads from the other; a longer one is refused.
inline constexpr std::size_t max_guest_value = 256;

/// All nodes of the backend directory, `state` = Connected.
Nodes encode_backend(const PublicationPath& path, const Publication& publication);
/// All nodes of the frontend directory, `state` = Initialising.
Nodes encode_frontend(const PublicationPath& path);

/// Throws Error protocol-mismatch naming the node that is missing, malformed or out of range.
Publication decode_backend(const ReadNode& read);
/// Never throws for content: what cannot be understood is left out.
GuestReply decode_frontend(const ReadNode& read);

/// "2048-2049,2060".  Decoding refuses empty parts, leading zeros, reversed ranges, orders
/// ("2048:9"), numbers below 8, more than max_refs_length bytes and more references than a u32
/// counts: exactly what the guest's kernel refuses.
std::string encode_refs(const std::vector<RefRange>& refs);
std::optional<std::vector<RefRange>> decode_refs(std::string_view text);
std::uint64_t count_refs(const std::vector<RefRange>& refs);

/// The guest's words with everything but printable ASCII replaced, cut at 200 bytes.
std::string printable(std::string_view text);

} // namespace iomemgrant

#endif
