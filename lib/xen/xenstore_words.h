// SPDX-License-Identifier: LGPL-2.1-or-later
// The words that requests to xenstored and its answers are made of.
#ifndef IOMEMGRANT_XEN_XENSTORE_WORDS_H
#define IOMEMGRANT_XEN_XENSTORE_WORDS_H

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/host/xenstore.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// Whether a quota is the reason.  oxenstored calls every quota but that of a node's size EQUOTA,
/// which xs_wire.h does not know.
bool is_quota(const std::string& error);
/// Whether the node is not there, or may not be read, which counts as absent.
bool is_absent(const std::string& error);
/// Makes an Error of the name of an errno in an answer; @what says what was being done.
Error store_error(const std::string& error, const std::string& what);

/// Each string with its NUL, as requests have them.
std::string joined(std::initializer_list<std::string_view> strings);
/// The strings of an answer, each of which ends with a NUL.
std::vector<std::string> split(std::string_view payload);

/// The number that a text begins with.
std::optional<std::uint64_t> number_at(std::string_view text);
/// The number in a table of the C xenstored with lines like "nodes      :     12 Nodes per domain".
std::optional<std::uint64_t> number_after(const std::string& text, std::string_view name);
/// The answer of oxenstored, "dom5 quota: 16/1000".
std::optional<XenStoreQuota> decode_oxenstored_quota(const std::string& text, Domid domid);

char permission_letter(NodePermission::Access access);
NodePermission::Access permission_access(char letter);

} // namespace iomemgrant

#endif
