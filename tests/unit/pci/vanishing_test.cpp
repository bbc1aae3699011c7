// SPDX-License-Identifier: GPL-2.0-or-later
// Devices that go while they are looked at: sysfs then answers ENODEV to a read of a file that was
// opened before.  No file of a fixture does, so read() is replaced for this program.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

/// Part of the path of files that cannot be read any more; empty: none.
std::string gone;

bool is_gone(int fd)
{
	if (gone.empty())
		return false;
	char path[512];
	const auto link = "/proc/self/fd/" + std::to_string(fd);
	const auto length = readlink(link.c_str(), path, sizeof(path));
	return length > 0 && std::string_view(path, static_cast<std::size_t>(length)).find(gone) !=
				     std::string_view::npos;
}

class Vanishing : public testing::Test
{
protected:
	Vanishing()
	{
		tree.add("0000:02:00.0").memory(0, 0xf7a00000, 0x4000);
		tree.add("0000:04:10.0").memory(0, 0xf8b00000, 0x4000);
	}
	~Vanishing() override { gone.clear(); }

	Ran run(const std::vector<std::string>& arguments)
	{
		FakeMachine machine(tree.root());
		return run_on(machine, arguments);
	}

	PciTree tree;
};

} // namespace

extern "C" ssize_t read(int fd, void* buffer, std::size_t length)
{
	if (is_gone(fd)) {
		errno = ENODEV;
		return -1;
	}
	return syscall(SYS_read, fd, buffer, length);
}

TEST_F(Vanishing, another_device_that_goes_is_skipped)
{
	for (const auto* file : {"0000:04:10.0/resource", "0000:04:10.0/config", "0000:04:10.0/"}) {
		gone = file;
		EXPECT_EQ(run({"check", "web1", "02:00.0/0"}).status, 0) << file;
		EXPECT_EQ(run({"grant", "web1", "02:00.0/0", "--no-wait"}).status, 0) << file;
		const auto ran = run({"bars"});
		EXPECT_EQ(ran.status, 0) << file << ran.err;
		EXPECT_NE(ran.out.find("0000:02:00.0"), std::string::npos);
	}
	gone = "0000:04:10.0/";
	EXPECT_EQ(run({"bars"}).out.find("0000:04:10.0"), std::string::npos);
}

TEST_F(Vanishing, the_device_asked_for_is_told_to_be_absent)
{
	gone = "0000:04:10.0/";
	for (const std::vector<std::string>& arguments :
		{std::vector<std::string>{"check", "web1", "04:10.0/0"},
			{"grant", "web1", "04:10.0/0"}, {"bars", "04:10.0"}}) {
		const auto ran = run(arguments);
		EXPECT_EQ(ran.status, 3) << arguments[0];
		EXPECT_NE((ran.out + ran.err).find("no PCI device 0000:04:10.0 in this domain"),
			std::string::npos)
			<< ran.out << ran.err;
	}
}
