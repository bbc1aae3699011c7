// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UNIT_AGENT_GUEST_H
#define UNIT_AGENT_GUEST_H

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cmd/xen-iomemagent/commands.h"

namespace iomemgrant::agent
{

/// The files of one mapN; what a test does not set is as for a grant of two pages, number 17.
struct MapFiles {
	std::map<std::string, std::string> attributes = {
		{"state", "mapped"},
		{"devid", "17"},
		{"label", "nic-doorbell"},
		{"uuid", "6f0c1f2e-5b7a-4e0e-9f3d-0d9a4c1b2e77"},
		{"length", "8192"},
		{"nr_refs", "2"},
		{"remote_domid", "0"},
		{"refs", "2048-2049"},
		{"cache", "uc"},
		{"readonly", "0"},
		{"users", "0"},
		{"gfn", "-"},
		{"changes", "-"},
	};

	MapFiles& with(const std::string& name, const std::string& value)
	{
		attributes[name] = value;
		return *this;
	}
};

/// A guest made of files below a temporary directory: /sys, /dev and /proc as far as the program
/// looks at them.  Plain files stand in for device nodes.
class Guest
{
public:
	struct Ran {
		int status = 0;
		std::string out;
		std::string err;
	};

	Guest();
	~Guest();

	Guest(const Guest&) = delete;
	Guest& operator=(const Guest&) = delete;

	/// Xen, module and driver are there, nothing is mapped.
	Guest& with_module();
	Guest& with_map(unsigned number, const MapFiles& files = {});
	/// The node of a grant, with these bytes.
	Guest& with_node(const std::string& name, const std::string& bytes);
	Guest& with_file(const std::filesystem::path& path, const std::string& content);
	/// A grant of two pages with its node: number 17, "nic-doorbell"; byte n of it is n % 251.
	Guest& with_grant();

	const std::filesystem::path& root() const { return root_; }
	std::string node(const std::string& name) const
	{
		return (root_ / "dev/xen/iomem" / name).string();
	}
	std::string node_bytes(const std::string& name) const;

	World world;

	/// Runs the program.  The fixture's directory is "" in what it prints.
	Ran run(const std::vector<std::string>& arguments) const;

private:
	std::filesystem::path root_;
};

} // namespace iomemgrant::agent

#endif
