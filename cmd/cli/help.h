// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_HELP_H
#define OUTPUT_HELP_H

#include <string>

#include "cmd/cli/syntax.h"

namespace iomemgrant
{

/// The help of @verb, or of the whole program if that is null: usage, arguments, options and the
/// footer, which holds the examples.  No line has more than 80 columns.
std::string help_of(const Syntax& program, const Syntax* verb);

} // namespace iomemgrant

#endif
