// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_GRANT_NUMBERS_H
#define IOMEMGRANT_GRANT_NUMBERS_H

#include <filesystem>
#include <optional>

#include "lib/values/grant.h"

namespace iomemgrant
{

/// The highest grant id that was used since the host has booted, in the file last-grant of a
/// directory that a reboot empties.  The module counts from 1 whenever it is loaded; with this file
/// no id names two grants.  Without a directory nothing is kept.
class GrantNumbers
{
public:
	GrantNumbers() = default;
	explicit GrantNumbers(std::filesystem::path directory) : directory_(std::move(directory)) {}

	/// 0 where no id was used; absent without a directory.  Throws Error io-error.
	std::optional<GrantId> highest() const;
	/// Opens the file for writing, making what is missing, so that a directory that cannot be
	/// used is noticed before anything is granted.  Throws Error io-error or permission.
	void prepare() const;
	/// @id was used.  Any number of commands may do this at once: under a lock on the file,
	/// which is held for the read and the write alone, the number only ever grows.  Throws as
	/// prepare().
	void use(GrantId id) const;

private:
	std::filesystem::path file() const { return directory_ / "last-grant"; }

	std::filesystem::path directory_;
};

} // namespace iomemgrant

#endif
