// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/support/answer.h"

#include <ostream>
#include <utility>

#include <nlohmann/json.hpp>

using Parsed = nlohmann::ordered_json;

Answer::Answer(const std::string& text)
	: document_(std::make_shared<const Parsed>(Parsed::parse(text))), part_(document_.get())
{
}

Answer::Answer(std::shared_ptr<const Parsed> document, const Parsed& part)
	: document_(std::move(document)), part_(&part)
{
}

Answer Answer::operator[](const char* key) const
{
	return {document_, part_->at(key)};
}

Answer Answer::operator[](int index) const
{
	return {document_, part_->at(static_cast<std::size_t>(index))};
}

std::vector<Answer> Answer::items() const
{
	std::vector<Answer> items;
	for (const auto& item : *part_)
		items.push_back({document_, item});
	return items;
}

std::size_t Answer::size() const
{
	return part_->size();
}

bool Answer::is_null() const
{
	return part_->is_null();
}

bool Answer::is_object() const
{
	return part_->is_object();
}

std::string Answer::dump() const
{
	return part_->dump();
}

std::string Answer::text() const
{
	return part_->get<std::string>();
}

std::uint64_t Answer::number() const
{
	return part_->get<std::uint64_t>();
}

bool Answer::operator==(const Answer& other) const
{
	return *part_ == *other.part_;
}

bool Answer::operator==(const char* text) const
{
	return *part_ == text;
}

bool Answer::operator==(const std::string& text) const
{
	return *part_ == text;
}

bool Answer::operator==(bool value) const
{
	return *part_ == value;
}

bool Answer::operator==(int number) const
{
	return *part_ == number;
}

bool Answer::operator==(unsigned number) const
{
	return *part_ == number;
}

bool Answer::operator==(std::int64_t number) const
{
	return *part_ == number;
}

bool Answer::operator==(std::uint64_t number) const
{
	return *part_ == number;
}

bool Answer::operator==(std::nullptr_t) const
{
	return part_->is_null();
}

void PrintTo(const Answer& answer, std::ostream* out)
{
	*out << answer.dump();
}
