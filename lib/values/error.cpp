// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/error.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "lib/text/one_line.h"

namespace iomemgrant
{

Error::Error(ErrorKind kind, const std::string& message, std::string hint)
	: std::runtime_error(one_line(message)), kind_(kind), hint_(one_line(hint))
{
}

Error Error::from_errno(int errnum, const std::string& what)
{
	// EPERM and EACCES of a file or hypercall have one remedy; everything else is unexpected
	// here and gets its meaning, if it has one, from the layer that knows what was asked for.
	const bool permission = errnum == EPERM || errnum == EACCES;
	return Error(permission ? kind::permission : kind::io_error,
		fmt::format("{}: {}", what, std::generic_category().message(errnum)),
		permission ? "run as root in the control domain" : "");
}

Error& Error::with(std::string name, std::string value)
{
	details_.emplace_back(std::move(name), std::move(value));
	return *this;
}

Error Error::hinting(std::string hint) const
{
	auto copy = *this;
	copy.hint_ = one_line(std::move(hint));
	return copy;
}

Error& Error::after_change()
{
	changed_ = true;
	return *this;
}

} // namespace iomemgrant
