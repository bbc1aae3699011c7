// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UNIT_ANSWER_H
#define UNIT_ANSWER_H

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

/// A JSON document that a program printed, or a part of it.  Tests read answers by this: nlohmann's
/// templates are compiled once, in answer.cpp, and not in each test.
class Answer
{
public:
	/// Throws if @text is no JSON document.
	explicit Answer(const std::string& text);

	/// Throw if the part is not there.
	Answer operator[](const char* key) const;
	Answer operator[](int index) const;
	std::vector<Answer> items() const;

	std::size_t size() const;
	bool is_null() const;
	bool is_object() const;
	/// The document of this part alone.
	std::string dump() const;
	/// Throw unless the part is a string or a number.
	std::string text() const;
	std::uint64_t number() const;

	bool operator==(const Answer& other) const;
	bool operator==(const char* text) const;
	bool operator==(const std::string& text) const;
	bool operator==(bool value) const;
	bool operator==(int number) const;
	bool operator==(unsigned number) const;
	bool operator==(std::int64_t number) const;
	bool operator==(std::uint64_t number) const;
	bool operator==(std::nullptr_t) const;

	/// Called by GoogleTest.
	friend void PrintTo(const Answer& answer, std::ostream* out);

private:
	Answer(std::shared_ptr<const nlohmann::ordered_json> document,
		const nlohmann::ordered_json& part);

	std::shared_ptr<const nlohmann::ordered_json> document_;
	const nlohmann::ordered_json* part_;
};

#endif
