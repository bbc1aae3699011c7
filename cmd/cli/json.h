// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_JSON_H
#define OUTPUT_JSON_H

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace iomemgrant
{

/// A JSON value to be printed.  The verbs fill it and json.cpp has nlohmann's library print it,
/// whose templates would otherwise be compiled in every verb.  An object keeps the order of its
/// keys.
class Json
{
public:
	Json(std::nullptr_t = nullptr);
	Json(bool value);
	Json(int number);
	Json(unsigned number);
	Json(std::int64_t number);
	Json(std::uint64_t number);
	Json(const char* text);
	Json(std::string_view text);
	Json(const std::string& text);
	Json(const std::vector<std::string>& texts);
	Json(const std::vector<std::string_view>& texts);
	/// An object if each item is a pair of a string and a value, else an array.
	Json(std::initializer_list<Json> items);
	static Json array();
	static Json object();

	Json(const Json& other);
	Json(Json&& other) noexcept;
	Json& operator=(Json other) noexcept;
	~Json();

	/// The value of @key in an object; null if it is a new key.  Null becomes an object.
	Json& operator[](std::string_view key);
	/// Appends to an array.  The reference is good until the next one is appended.
	Json& push_back(Json item);

	/// The text on one line, or indented by @indent if that is not negative.  Bytes that are
	/// not UTF-8 are replaced.
	std::string dump(int indent = -1) const;

private:
	struct Value;
	explicit Json(Value value);
	bool is_pair() const;

	std::unique_ptr<Value> value_;
};

} // namespace iomemgrant

#endif
