// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/policy/toml_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace iomemgrant
{

namespace
{

// A file written by hand is shorter; a device node or a runaway log is not read to its end.
constexpr std::streamsize longest_file = 1 << 20;

std::string read_text(const std::filesystem::path& path, ErrorKind mistake)
{
	const auto failed = [&](int errnum) {
		return Error(mistake, fmt::format("cannot read {}: {}", path.native(),
					      std::strerror(errnum ? errnum : EIO)));
	};
	errno = 0;
	std::ifstream file(path, std::ios::binary);
	if (!file)
		throw failed(errno);
	std::string text(longest_file + 1, '\0');
	file.read(text.data(), longest_file + 1);
	// A directory opens, and fails only here.
	if (file.bad())
		throw failed(errno);
	text.resize(static_cast<std::size_t>(file.gcount()));
	if (file.gcount() > longest_file)
		throw Error(mistake, fmt::format("{} is longer than a mebibyte", path.native()));
	return text;
}

} // namespace

TomlFile::TomlFile(std::filesystem::path path, ErrorKind mistake)
	: path_(std::move(path)), mistake_(mistake)
{
	const auto text = read_text(path_, mistake_);
	try {
		root_ = toml::parse(text, path_.native());
	} catch (const toml::parse_error& wrong) {
		throw error(wrong.source(), wrong.description());
	}
}

void TomlFile::require_known(
	const toml::table& table, std::initializer_list<std::string_view> known) const
{
	// The table is sorted by key; the first mistake of the file is the one to name.
	const toml::key* first = nullptr;
	for (const auto& [key, value] : table) {
		if (std::find(known.begin(), known.end(), key.str()) != known.end())
			continue;
		const auto at = key.source().begin;
		if (!first || at < first->source().begin)
			first = &key;
	}
	if (first)
		throw error(first->source(), fmt::format("unknown key '{}'", first->str()),
			fmt::format("known here: {}", fmt::join(known, ", ")));
}

std::optional<TomlFile::Text> TomlFile::string(const toml::table& table, std::string_view key) const
{
	const auto* node = table.get(key);
	if (!node)
		return std::nullopt;
	if (!node->is_string())
		throw error(node->source(), fmt::format("'{}' must be a string", key));
	return Text{**node->as_string(), node->source()};
}

std::optional<std::int64_t> TomlFile::integer(const toml::table& table, std::string_view key) const
{
	const auto* node = table.get(key);
	if (!node)
		return std::nullopt;
	if (!node->is_integer())
		throw error(node->source(), fmt::format("'{}' must be an integer", key));
	return **node->as_integer();
}

std::vector<TomlFile::Text> TomlFile::strings(const toml::table& table, std::string_view key) const
{
	std::vector<Text> found;
	const auto* node = table.get(key);
	if (!node)
		return found;
	const auto wrong = [&](const toml::node& at) {
		return error(at.source(), fmt::format("'{}' must be a list of strings", key));
	};
	if (!node->is_array())
		throw wrong(*node);
	for (const auto& entry : *node->as_array()) {
		if (!entry.is_string())
			throw wrong(entry);
		found.push_back({**entry.as_string(), entry.source()});
	}
	return found;
}

std::vector<const toml::table*> TomlFile::tables(
	const toml::table& table, std::string_view key) const
{
	std::vector<const toml::table*> found;
	const auto* node = table.get(key);
	if (!node)
		return found;
	const auto wrong = [&](const toml::node& at) {
		return error(at.source(), fmt::format("'{0}' must be written [[{0}]]", key));
	};
	if (!node->is_array())
		throw wrong(*node);
	for (const auto& entry : *node->as_array()) {
		if (!entry.is_table())
			throw wrong(entry);
		found.push_back(entry.as_table());
	}
	return found;
}

Error TomlFile::error(
	const toml::source_region& source, std::string_view message, std::string hint) const
{
	return Error(mistake_,
		fmt::format("{}:{}:{}: {}", path_.native(), source.begin.line, source.begin.column,
			message),
		std::move(hint))
		.with("file", path_.native())
		.with("line", std::to_string(source.begin.line))
		.with("column", std::to_string(source.begin.column));
}

std::string TomlFile::place(const toml::source_region& source) const
{
	return fmt::format("{}:{}", path_.native(), source.begin.line);
}

} // namespace iomemgrant
