// SPDX-License-Identifier: GPL-2.0-or-later
// The arguments of grant, which check takes as well.
#ifndef XEN_IOMEMGRANT_GRANT_ARGUMENTS_H
#define XEN_IOMEMGRANT_GRANT_ARGUMENTS_H

#include <string>
#include <vector>

#include "cmd/cli/command_line.h"
#include "lib/values/domid.h"
#include "lib/values/grant_options.h"
#include "lib/values/region.h"

namespace iomemgrant
{

struct GrantText {
	std::string domain;
	std::vector<std::string> regions;
	std::string cache = "uc";
	std::string label;
	std::vector<std::string> allow;
	std::string method = "grant";
	std::string wait;
	bool read_only = false;
	bool no_wait = false;
};

struct GrantArguments {
	DomainSpec domain;
	std::vector<RegionSpec> regions;
	GrantOptions options;
};

/// Declares them on @verb, to be filled in @text.
void add_grant_arguments(Syntax& verb, GrantText& text);

/// Makes values of the words of the user, before any device is opened.  Throws Error.
GrantArguments parse_grant_arguments(const GrantText& text, const GlobalOptions& globals);

} // namespace iomemgrant

#endif
