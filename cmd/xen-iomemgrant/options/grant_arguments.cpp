// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/options/grant_arguments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace iomemgrant
{

void add_grant_arguments(Syntax& verb, GrantText& text)
{
	verb.add("DOMAIN", &text.domain, "NAME, DOMID, UUID, or name:, id:, uuid:").required = true;
	verb.add("REGION", &text.regions, "BDF/BAR[@OFF[+LEN]], for example 03:00.0/2@16K+8K")
		.required = true;
	verb.add("--label=NAME", &text.label, "Name of the device node in the guest");
	verb.add("--cache=TYPE", &text.cache, "uc, uncached (default), or wc, write-combining");
	verb.add("--allow=CLASS[,CLASS]", &text.allow,
		fmt::format("Override safety checks by name: {}",
			fmt::join(AllowSet::all().names(), ", ")));
	verb.add("--method=METHOD", &text.method, "grant (default)");
	verb.add("--read-only", &text.read_only, "Refused: Xen has no such grant yet");
	auto& wait = verb.add(
		"--wait=SEC", &text.wait, "How long the guest may take to map; without it 10 s");
	verb.add("--no-wait", &text.no_wait, "Leave the offer open").excludes(wait);
}

namespace
{

// A grant labelled "17" or "g17" could be told from grant 17 by label: alone.
Label new_label(const std::string& text)
{
	if (GrantId::parse(text))
		throw Error(kind::bad_label, fmt::format("label '{}' looks like a grant id", text),
			"begin it with another letter than g, or have more than digits in it");
	return Label::from_user(text);
}

} // namespace

GrantArguments parse_grant_arguments(const GrantText& text, const GlobalOptions& globals)
{
	GrantArguments command{DomainSpec::parse(text.domain), {}, {}};
	for (const auto& region : text.regions)
		command.regions.push_back(RegionSpec::parse(region));
	auto& options = command.options;
	if (text.read_only)
		throw Error(kind::read_only_unsupported,
			"read-only grants are not supported: Xen cannot yet keep a guest from "
			"writing a "
			"granted I/O page",
			"leave --read-only out if the guest may also write");
	options.cache = parse_cache(text.cache);
	if (parse_choice("--method", text.method, {"grant", "domctl"}) != "grant")
		throw Error(kind::method_unsupported,
			fmt::format("--method={} is not supported by this version", text.method),
			"use --method=grant (default)");
	if (!text.label.empty())
		options.label = new_label(text.label);
	for (const auto& list : text.allow)
		options.allow.add(AllowSet::parse(list));
	options.dry_run = globals.dry_run;
	if (text.no_wait)
		options.wait.reset();
	else if (!text.wait.empty())
		options.wait = parse_duration("--wait", text.wait);
	else
		options.wait = globals.timeout.value_or(default_wait);
	return command;
}

} // namespace iomemgrant
