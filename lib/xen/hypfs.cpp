// SPDX-License-Identifier: LGPL-2.1-or-later
// Xen's own file system.  Contract of libxenhypfs: NULL with errno.
#include "lib/xen/hypfs.h"

#include <charconv>
#include <string>
#include <string_view>

extern "C" {
#include <xenhypfs.h>
}

#include "lib/xen/handle.h"

namespace iomemgrant
{

std::optional<std::uint32_t> read_parameter(Logger& logger, const char* name)
{
	using Handle = std::unique_ptr<xenhypfs_handle, Releaser<xenhypfs_close>>;
	const Handle handle(xenhypfs_open(logger.get(), 0));
	if (!handle)
		return std::nullopt;
	const auto path = std::string("/params/") + name;
	const Malloced<char> text(xenhypfs_read(handle.get(), path.c_str()));
	if (!text)
		return std::nullopt;
	const std::string_view digits(text.get());
	std::uint32_t value = 0;
	const auto* end = digits.data() + digits.size();
	if (std::from_chars(digits.data(), end, value).ptr != end || digits.empty())
		return std::nullopt;
	return value;
}

} // namespace iomemgrant
