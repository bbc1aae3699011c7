// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/host/grant_numbers.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

// Of the ids that the module gives.
constexpr GrantId largest{(1ULL << 53) - 1};

/// An open file, and with it the lock on it.  It is root's alone: who may read a file may lock it.
class File
{
public:
	File(const std::filesystem::path& path, int flags)
		: path_(path), fd_(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600))
	{
		if (fd_ < 0 && errno != ENOENT)
			throw failure("open");
	}
	File(const File&) = delete;
	File& operator=(const File&) = delete;
	~File()
	{
		if (fd_ >= 0)
			(void)close(fd_); // what was written is in the page cache of a tmpfs
	}

	bool exists() const { return fd_ >= 0; }

	void lock(int how) const
	{
		if (flock(fd_, how) < 0)
			throw failure("lock");
	}

	GrantId read() const
	{
		char buffer[32];
		const auto length = pread(fd_, buffer, sizeof(buffer), 0);
		if (length < 0)
			throw failure("read");
		std::string text(buffer, static_cast<std::size_t>(length));
		text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
		if (text.empty() || text == "\n")
			return GrantId(0);
		text.pop_back();
		if (const auto id = GrantId::parse(text); id && text[0] != 'g' && *id <= largest)
			return *id;
		throw Error(kind::io_error, fmt::format("{} holds no grant id", path_.string()),
			fmt::format("write the highest id of xen-iomemgrant list into {}",
				path_.string()));
	}

	// Of one length always, so that no part of an older number is left.
	void write(GrantId id) const
	{
		const auto text = fmt::format("{:020}\n", id.value());
		const auto written = pwrite(fd_, text.data(), text.size(), 0);
		if (written < 0)
			throw failure("write");
		if (static_cast<std::size_t>(written) != text.size())
			throw Error(kind::io_error,
				fmt::format("write {}: cut short", path_.string()), "df");
	}

private:
	Error failure(const char* what) const
	{
		return Error::from_errno(errno, fmt::format("{} {}", what, path_.string()));
	}

	std::filesystem::path path_;
	int fd_;
};

} // namespace

std::optional<GrantId> GrantNumbers::highest() const
{
	if (directory_.empty())
		return std::nullopt;
	const File file(this->file(), O_RDONLY);
	if (!file.exists())
		return GrantId(0);
	file.lock(LOCK_SH);
	return file.read();
}

void GrantNumbers::prepare() const
{
	if (directory_.empty())
		return;
	// With a mode of its own: others must not be able to put a link in the file's place.
	if (mkdir(directory_.c_str(), 0755) < 0 && errno != EEXIST)
		throw Error::from_errno(errno, fmt::format("make {}", directory_.string()));
	const File file(this->file(), O_RDWR | O_CREAT);
	if (!file.exists())
		throw Error::from_errno(ENOENT, fmt::format("open {}", this->file().string()));
}

void GrantNumbers::use(GrantId id) const
{
	if (directory_.empty())
		return;
	prepare();
	const File file(this->file(), O_RDWR | O_CREAT);
	file.lock(LOCK_EX);
	if (file.read() < id)
		file.write(id);
}

} // namespace iomemgrant
