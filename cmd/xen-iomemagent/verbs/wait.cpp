// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <algorithm>

#include <fmt/format.h>

#include "cmd/xen-iomemagent/render.h"
#include "cmd/xen-iomemagent/watch.h"

namespace iomemgrant::agent
{

namespace
{

constexpr std::chrono::milliseconds default_limit = std::chrono::seconds(10);

struct WaitOptions {
	std::optional<std::string> grant;
	std::optional<std::string> label;
	std::chrono::milliseconds limit = default_limit;
};

std::optional<GrantName> wanted_grant(const WaitOptions& options)
{
	if (options.label)
		return GrantName::of(Label::from_user(*options.label));
	if (options.grant)
		return GrantName::parse(*options.grant);
	return std::nullopt;
}

// A grant that programs can open: mapped, and its node is there.
const MappedGrant* find_usable(
	const std::vector<MappedGrant>& grants, const std::optional<GrantName>& wanted)
{
	const auto usable = [](const MappedGrant& grant) {
		return grant.is_mapped() && grant.node && std::filesystem::exists(*grant.node);
	};
	if (wanted) {
		const auto* grant = find_in(grants, *wanted);
		return grant && usable(*grant) ? grant : nullptr;
	}
	const auto found = std::find_if(grants.begin(), grants.end(), usable);
	return found == grants.end() ? nullptr : &*found;
}

int run_wait(const WaitOptions& options, const World& world, Output& output)
{
	const auto wanted = wanted_grant(options);
	const auto limit = options.limit;
	const auto deadline = std::chrono::steady_clock::now() + limit;

	NodeWatch watch(world.roots);
	for (;;) {
		watch.arm();
		const auto grants = read_mapped_grants_if_any(world.roots);
		if (const auto* grant = find_usable(grants, wanted)) {
			output.line(grant->node->string());
			auto document = output.document("wait");
			document["grant"] = to_json(*grant);
			output.print(document);
			return 0;
		}
		if (!watch.wait(deadline))
			throw Error(iomemgrant::kind::timeout,
				fmt::format("{} within {:g} s",
					wanted ? fmt::format("no grant {} was mapped",
							 wanted->describe())
					       : "no grant was mapped",
					std::chrono::duration<double>(limit).count()),
				"xen-iomemagent doctor tells what is missing in this guest");
	}
}

} // namespace

void add_wait(Syntax& program, Command& command)
{
	auto options = std::make_shared<WaitOptions>();
	auto& verb = program.add_verb("wait",
		"Wait until a grant is mapped, at most 10 s or --timeout, and print its node");
	auto& grant = verb.add("GRANT", &options->grant, grant_name_help);
	verb.add("--label=NAME", &options->label, "Label of the grant").excludes(grant);
	verb.footer = "Examples:\n"
		      "  xen-iomemagent wait nic-doorbell --timeout=1min\n"
		      "  node=$(xen-iomemagent wait --label=nic-doorbell)\n";
	on_verb(verb, command, run_wait, [options, &command] {
		options->limit = command.globals.timeout.value_or(default_limit);
		return *options;
	});
}

} // namespace iomemgrant::agent
