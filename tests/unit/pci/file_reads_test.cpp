// SPDX-License-Identifier: GPL-2.0-or-later
// How often the files of sysfs are opened: some of them wake a device or take its lock.
#include <map>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

/// Counts opens of the files in some folders, as the kernel reports them.
class OpenCounter
{
public:
	OpenCounter() : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
	{
		if (fd_ < 0)
			throw std::runtime_error("inotify_init1");
	}
	~OpenCounter() { close(fd_); }

	void watch(const std::filesystem::path& folder)
	{
		const int id = inotify_add_watch(fd_, folder.c_str(), IN_OPEN);
		if (id < 0)
			throw std::runtime_error("inotify_add_watch");
		folders_[id] = folder.filename();
	}

	/// "0000:03:00.0/config" and how often.
	std::map<std::string, int> counts()
	{
		alignas(inotify_event) char buffer[1 << 16];
		std::map<std::string, int> found;
		ssize_t got;
		while ((got = read(fd_, buffer, sizeof(buffer))) > 0) {
			for (ssize_t at = 0; at < got;) {
				const auto* event = reinterpret_cast<inotify_event*>(buffer + at);
				if (event->len)
					found[folders_[event->wd] + "/" + event->name]++;
				at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
			}
		}
		return found;
	}

private:
	int fd_;
	std::map<int, std::string> folders_;
};

class FileReads : public testing::Test
{
protected:
	FileReads()
	{
		for (const auto* bdf : {"0000:03:00.0", "0000:04:00.0", "0000:05:00.0"})
			tree.add(bdf).memory64(0, 0xdc000000, 0x8000).msix(4, 0, 0x7000, 0, 0x7800);
	}

	std::map<std::string, int> opened(const std::vector<std::string>& arguments)
	{
		OpenCounter counter;
		for (const auto* bdf : {"0000:03:00.0", "0000:04:00.0", "0000:05:00.0"})
			counter.watch(tree.root() / bdf);
		FakeMachine machine(tree.root());
		(void)run_on(machine, arguments);
		return counter.counts();
	}
	using Counts = std::map<std::string, int>;

	PciTree tree;
};

} // namespace

TEST_F(FileReads, check_reads_each_file_of_the_device_once_and_the_places_of_others)
{
	EXPECT_EQ(opened({"check", "web1", "03:00.0/0@0+4K", "03:00.0/0@4K+4K"}),
		(Counts{{"0000:03:00.0/config", 1}, {"0000:03:00.0/power_state", 1},
			{"0000:03:00.0/resource", 1}, {"0000:03:00.0/uevent", 1},
			{"0000:04:00.0/config", 1}, {"0000:04:00.0/power_state", 1},
			{"0000:04:00.0/resource", 1}, {"0000:05:00.0/config", 1},
			{"0000:05:00.0/power_state", 1}, {"0000:05:00.0/resource", 1}}));
}

TEST_F(FileReads, bars_reads_each_file_once)
{
	for (const auto& [file, times] : opened({"bars"}))
		EXPECT_EQ(times, 1) << file;
	EXPECT_EQ(opened({"bars"}).size(), 12U);
}

TEST_F(FileReads, listing_grants_does_not_wake_their_devices)
{
	Grant grant;
	grant.id = GrantId(12);
	grant.region = {*Sbdf::parse("03:00.0"), 0, 0, 0x1000};
	grant.device_id = {0x1234, 0x11e8, 0x1af4, 0x1100};
	OpenCounter counter;
	counter.watch(tree.root() / "0000:03:00.0");
	FakeMachine machine(tree.root());
	machine.grants.grants = {grant, grant};
	EXPECT_EQ(run_on(machine, {"list"}).status, 0);
	EXPECT_EQ(counter.counts(), (Counts{{"0000:03:00.0/uevent", 1}}));
}
