// SPDX-License-Identifier: LGPL-2.1-or-later
// The one thing this library writes to a device: its memory enable bit.
#include "lib/pci/pci_device.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// PCI Local Bus Specification 3.0, 6.2.2.
constexpr off_t command_register = 4;
constexpr unsigned char memory_enable = 0x02;

class ConfigFile
{
public:
	explicit ConfigFile(const std::filesystem::path& path)
		: path_(path), fd_(open(path.c_str(), O_RDWR | O_CLOEXEC))
	{
		if (fd_ < 0)
			throw Error::from_errno(errno, fmt::format("open {}", path_.string()));
	}
	ConfigFile(const ConfigFile&) = delete;
	ConfigFile& operator=(const ConfigFile&) = delete;
	~ConfigFile()
	{
		(void)close(fd_); // each write has been checked
	}

	unsigned char command() const
	{
		unsigned char low = 0;
		if (pread(fd_, &low, 1, command_register) != 1)
			throw Error::from_errno(errno, fmt::format("read {}", path_.string()));
		return low;
	}
	void set_command(unsigned char low) const
	{
		// One byte: the bits above it include some that a write clears.
		if (pwrite(fd_, &low, 1, command_register) != 1)
			throw Error::from_errno(errno, fmt::format("write {}", path_.string()));
	}

private:
	std::filesystem::path path_;
	int fd_;
};

} // namespace

void PciDevices::disable_memory(const Sbdf& sbdf)
{
	require(sbdf);
	if (read(sbdf).is_virtual_function)
		throw Error(kind::method_unsupported,
			fmt::format(
				"{} is a virtual function; its physical function decodes for it",
				sbdf.str()),
			"turn VF memory space off there, which cuts off all its functions");
	devices_.erase(sbdf);
	configs_.erase(sbdf);
	pages_.reset();
	const ConfigFile file(root_ / sbdf.str() / "config");
	file.set_command(file.command() & static_cast<unsigned char>(~memory_enable));
	if (file.command() & memory_enable)
		throw Error(kind::io_error, fmt::format("{} keeps memory decoding on", sbdf.str()),
			"setpci can show what its command register takes");
}

} // namespace iomemgrant
