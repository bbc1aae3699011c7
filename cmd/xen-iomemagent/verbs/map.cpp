// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemagent/commands.h"

#include <cerrno>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "cmd/xen-iomemagent/mapping.h"

namespace iomemgrant::agent
{

namespace
{

struct MapOptions {
	std::string grant;
	bool read_only = false;
	bool exec = false;
	bool dry_run = false;
	std::vector<std::string> command;
};

void export_variable(const char* name, const std::string& value)
{
	if (setenv(name, value.c_str(), 1) != 0)
		throw Error::from_errno(errno, fmt::format("set {}", name));
}

[[noreturn]] void execute(const std::vector<std::string>& command)
{
	std::vector<char*> arguments;
	for (const auto& argument : command)
		arguments.push_back(const_cast<char*>(argument.c_str())); // execvp() does not write
	arguments.push_back(nullptr);
	execvp(arguments[0], arguments.data());
	const int errnum = errno;
	throw Error(errnum == ENOENT ? iomemgrant::kind::usage : iomemgrant::kind::io_error,
		fmt::format("{}: {}", command[0], std::generic_category().message(errnum)));
}

// The node stays open across the exec, and with it the grant's `users` count.
int run_map(const MapOptions& options, const World& world, Output&)
{
	if (options.dry_run)
		throw Error(iomemgrant::kind::no_dry_run, "map runs a command and has no dry run",
			"repeat it without --dry-run");
	const auto grant = find_mapped(world.roots, GrantName::parse(options.grant));
	// The node can be opened in a kernel that is locked down; the command could not map it.
	const auto& roots = world.roots;
	if (const auto lockdown = Lockdown::read(roots.sys, roots.proc); lockdown.active())
		throw cannot_open(EPERM, grant, lockdown);
	const bool read_only = options.read_only || grant.access == Access::read_only;
	const int fd = open_node(grant, read_only ? Access::read_only : Access::read_write);
	if (fcntl(fd, F_SETFD, 0) != 0)
		throw Error::from_errno(errno, "fcntl");

	export_variable("XEN_IOMEM_FD", std::to_string(fd));
	export_variable("XEN_IOMEM_NODE", grant.node->string());
	export_variable("XEN_IOMEM_ID", std::to_string(grant.id->value()));
	export_variable("XEN_IOMEM_LABEL", grant.label ? grant.label->str() : "");
	export_variable("XEN_IOMEM_LENGTH", std::to_string(grant.length));
	export_variable("XEN_IOMEM_MODE",
		std::string(to_string(read_only ? Access::read_only : Access::read_write)));
	execute(options.command);
}

} // namespace

void add_map(Syntax& program, Command& command)
{
	auto options = std::make_shared<MapOptions>();
	auto& verb = program.add_verb("map", "Run a command with a grant's node open");
	verb.add("GRANT", &options->grant, grant_name_help).required = true;
	verb.add("--read-only", &options->read_only, "Open the node for reading only");
	verb.add("--exec", &options->exec, "COMMAND follows; after -- if it has options").required =
		true;
	verb.add("COMMAND", &options->command, "The command and its arguments").required = true;
	verb.footer = "Examples:\n"
		      "  xen-iomemagent map nic-doorbell --exec my-driver\n"
		      "  xen-iomemagent map g17 --read-only --exec -- logger -t nic\n";
	on_verb(verb, command, run_map, [options, &command] {
		options->dry_run = command.globals.dry_run;
		return *options;
	});
}

} // namespace iomemgrant::agent
