// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_CLI11_H
#define OUTPUT_CLI11_H

#include "cmd/cli/arguments.h"

namespace iomemgrant
{

/// Has CLI11 store the values of @line in the variables that @program declares for them.  Throws
/// Error usage, and what the function of an option throws.
void store_values(const Syntax& program, const CommandLine& line);

} // namespace iomemgrant

#endif
