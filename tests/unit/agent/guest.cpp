// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/agent/guest.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

namespace iomemgrant::agent
{

namespace
{

std::filesystem::path make_temporary_directory()
{
	// Many small files: memory, where there is some, keeps the tests fast.
	const std::filesystem::path memory = "/dev/shm";
	const auto parent = std::filesystem::is_directory(memory)
				    ? memory
				    : std::filesystem::temp_directory_path();
	std::string name = (parent / "iomemagent-XXXXXX").string();
	if (!mkdtemp(name.data()))
		throw std::runtime_error("mkdtemp " + name);
	return name;
}

std::string without(std::string text, const std::string& part)
{
	for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at))
		text.erase(at, part.size());
	return text;
}

} // namespace

Guest::Guest() : root_(make_temporary_directory())
{
	std::filesystem::create_directories(root_ / "dev");
	world.roots = {root_ / "sys", root_ / "dev", root_ / "proc"};
	world.module_info = [] {
		ModuleInfo info;
		info.api_version = 1;
		info.hypervisor_support = true;
		info.max_pages = 1024;
		return info;
	};
}

Guest::~Guest()
{
	std::filesystem::remove_all(root_);
}

Guest& Guest::with_file(const std::filesystem::path& path, const std::string& content)
{
	std::filesystem::create_directories((root_ / path).parent_path());
	std::ofstream(root_ / path) << content;
	return *this;
}

Guest& Guest::with_module()
{
	for (const auto* directory : {"sys/class/iomemgrant", "sys/bus/xen/drivers/xen_iomemgrant",
		     "sys/bus/xen/devices", "sys/module/xen_iomemgrant"})
		std::filesystem::create_directories(root_ / directory);
	with_file("sys/hypervisor/type", "xen\n");
	with_file("sys/hypervisor/guest_type", "PVH\n");
	with_file("sys/hypervisor/version/major", "4\n");
	with_file("sys/hypervisor/version/minor", "17\n");
	with_file("sys/hypervisor/version/extra", ".5\n");
	return *this;
}

Guest& Guest::with_map(unsigned number, const MapFiles& files)
{
	const auto directory = fmt::format("sys/class/iomemgrant/map{}", number);
	for (const auto& [name, value] : files.attributes)
		with_file(directory + "/" + name, value + "\n");
	return *this;
}

Guest& Guest::with_node(const std::string& name, const std::string& bytes)
{
	return with_file("dev/xen/iomem/" + name, bytes);
}

Guest& Guest::with_grant()
{
	std::string bytes(8192, '\0');
	for (std::size_t i = 0; i < bytes.size(); i++)
		bytes[i] = static_cast<char>(i % 251);
	return with_module().with_map(0).with_node("17", bytes);
}

std::string Guest::node_bytes(const std::string& name) const
{
	std::ifstream file(node(name));
	return {std::istreambuf_iterator<char>(file), {}};
}

Guest::Ran Guest::run(const std::vector<std::string>& arguments) const
{
	Ran ran;
	ran.status = agent::run(
		arguments, world, [&](std::string_view text) { ran.out += text; },
		[&](std::string_view text) { ran.err += text; }, false);
	ran.out = without(ran.out, root_.string());
	ran.err = without(ran.err, root_.string());
	return ran;
}

} // namespace iomemgrant::agent
