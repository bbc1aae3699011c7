// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/xen/xenstore_words.h"

#include <cerrno>
#include <charconv>
#include <sstream>

#include <fmt/format.h>
extern "C" {
#include <xen/io/xs_wire.h>
}

namespace iomemgrant
{

bool is_quota(const std::string& error)
{
	return error == "ENOSPC" || error == "EQUOTA" || error == "E2BIG";
}

Error store_error(const std::string& error, const std::string& what)
{
	if (is_quota(error))
		return {kind::xenstore_quota,
			fmt::format("{}: a XenStore quota is reached ({})", what,
				error == "E2BIG" ? "size of a node" : "nodes or transactions"),
			"xenstore-ls shows what fills it"};
	for (const auto& known : xsd_errors) {
		if (error == known.errstring)
			return Error::from_errno(known.errnum, what);
	}
	return {kind::io_error, fmt::format("{}: xenstored answers {}", what, error)};
}

bool is_absent(const std::string& error)
{
	return error == "ENOENT" || error == "EACCES";
}

std::string joined(std::initializer_list<std::string_view> strings)
{
	std::string all;
	for (const auto& text : strings)
		all.append(text).push_back('\0');
	return all;
}

std::vector<std::string> split(std::string_view payload)
{
	std::vector<std::string> strings;
	for (std::size_t end; (end = payload.find('\0')) != std::string_view::npos;
		payload.remove_prefix(end + 1))
		strings.emplace_back(payload.substr(0, end));
	return strings;
}

std::optional<std::uint64_t> number_at(std::string_view text)
{
	std::uint64_t value = 0;
	if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
		return std::nullopt;
	return value;
}

std::optional<XenStoreQuota> decode_oxenstored_quota(const std::string& text, Domid domid)
{
	const auto prefix = fmt::format("dom{} quota: ", domid.value());
	const auto slash = text.find('/');
	if (!text.starts_with(prefix) || slash == std::string::npos)
		return std::nullopt;
	return XenStoreQuota{.max_nodes = number_at(std::string_view(text).substr(slash + 1)),
		.nodes = number_at(std::string_view(text).substr(prefix.size())),
		.max_node_size = std::nullopt};
}

char permission_letter(NodePermission::Access access)
{
	switch (access) {
	case NodePermission::Access::none:
		return 'n';
	case NodePermission::Access::read:
		return 'r';
	case NodePermission::Access::write:
		return 'w';
	case NodePermission::Access::both:
		return 'b';
	}
	return 'n';
}

NodePermission::Access permission_access(char letter)
{
	for (const auto access : {NodePermission::Access::read, NodePermission::Access::write,
		     NodePermission::Access::both}) {
		if (letter == permission_letter(access))
			return access;
	}
	return NodePermission::Access::none;
}

std::optional<std::uint64_t> number_after(const std::string& text, std::string_view name)
{
	std::istringstream lines(text);
	std::string line;
	while (std::getline(lines, line)) {
		std::istringstream words(line);
		std::string word;
		char colon = 0;
		std::uint64_t value = 0;
		if (words >> word && word == name && words >> colon >> value && colon == ':')
			return value;
	}
	return std::nullopt;
}

} // namespace iomemgrant
