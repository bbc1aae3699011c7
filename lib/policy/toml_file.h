// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_TOML_FILE_H
#define IOMEMGRANT_TOML_FILE_H

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "lib/values/error.h"

namespace iomemgrant
{

/// A TOML file read strictly: what is not expected is a mistake.  Every mistake is an Error of one
/// kind that says where it is: "FILE:LINE:COLUMN: what".
class TomlFile
{
public:
	/// A value and where it stands.
	struct Text {
		std::string value;
		toml::source_region source;
	};

	/// Throws the Error when there is no such file, or it is no TOML.
	TomlFile(std::filesystem::path path, ErrorKind mistake);

	const toml::table& root() const { return root_; }
	const std::filesystem::path& path() const { return path_; }

	/// Throws unless every key of @table is one of @known.
	void require_known(
		const toml::table& table, std::initializer_list<std::string_view> known) const;
	/// These are empty when there is no such key, and throw when its value is something else.
	std::optional<Text> string(const toml::table& table, std::string_view key) const;
	std::optional<std::int64_t> integer(const toml::table& table, std::string_view key) const;
	std::vector<Text> strings(const toml::table& table, std::string_view key) const;
	/// The tables written [[key]].
	std::vector<const toml::table*> tables(
		const toml::table& table, std::string_view key) const;

	/// "FILE:LINE:COLUMN: @message"
	Error error(const toml::source_region& source, std::string_view message,
		std::string hint = {}) const;
	/// "FILE:LINE"
	std::string place(const toml::source_region& source) const;
	/// Runs @parse on a text; an Error it throws becomes one of this file.
	template <typename Parse>
	auto parse(const Text& text, Parse&& parse) const
	{
		try {
			return parse(std::string_view(text.value));
		} catch (const Error& wrong) {
			throw error(text.source, wrong.what(), wrong.hint());
		}
	}

private:
	std::filesystem::path path_;
	ErrorKind mistake_;
	toml::table root_;
};

} // namespace iomemgrant

#endif
