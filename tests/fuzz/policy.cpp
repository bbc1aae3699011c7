// SPDX-License-Identifier: GPL-2.0-or-later
// The policy file, xen-iomemgrant.toml(5): what an administrator writes, with every mistake there
// is.
#include "lib/policy/policy.h"

#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

using namespace iomemgrant;

namespace
{

/// A file in memory that has a name.
class MemoryFile
{
public:
	MemoryFile()
		: fd_(memfd_create("policy", MFD_CLOEXEC)),
		  path_("/proc/self/fd/" + std::to_string(fd_))
	{
		REQUIRE(fd_ >= 0);
	}
	MemoryFile(const MemoryFile&) = delete;
	MemoryFile& operator=(const MemoryFile&) = delete;
	~MemoryFile() { close(fd_); }

	const std::string& hold(const std::uint8_t* data, std::size_t size)
	{
		REQUIRE(ftruncate(fd_, 0) == 0);
		REQUIRE(pwrite(fd_, data, size, 0) == static_cast<ssize_t>(size));
		return path_;
	}

private:
	int fd_;
	std::string path_;
};

PciDevice network_card()
{
	PciDevice device;
	device.sbdf = {0, 3, 0, 0};
	device.id = {0x8086, 0x1572, 0x8086, 1};
	device.class_code = 0x020000;
	return device;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
	static MemoryFile file;
	static const auto device = network_card();
	const auto& path = file.hold(data, size);

	const auto policy = fuzz::parsed([&] {
		Policy read;
		read.add_file(path);
		return read;
	});
	if (!policy)
		return 0;
	const auto denial = policy->denial(device);
	REQUIRE(!denial || denial->kind() == kind::policy_denied);
	(void)policy->overrides(device);

	// The same rules once more change nothing.
	auto twice = *policy;
	twice.add_file(path);
	REQUIRE(twice.denial(device).has_value() == denial.has_value());
	REQUIRE(twice.overrides(device) == policy->overrides(device));
	REQUIRE(twice.nr_rules() == 2 * policy->nr_rules());
	return 0;
}
