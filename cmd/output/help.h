// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_HELP_H
#define OUTPUT_HELP_H

#include <string>

namespace CLI
{
class App;
}

namespace iomemgrant
{

/// The help of @verb, or of the whole program if that is null: usage, arguments, options and the
/// footer, which holds the examples.  No line has more than 80 columns; the text is the same
/// with every version of CLI11.
std::string help_of(const CLI::App& app, const CLI::App* verb);

} // namespace iomemgrant

#endif
