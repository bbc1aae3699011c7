// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/json.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

namespace iomemgrant
{

struct Json::Value {
	using Array = std::vector<Json>;
	using Object = std::vector<std::pair<std::string, Json>>;

	std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, std::string, Array, Object>
		data;

	nlohmann::ordered_json printable() const
	{
		if (const auto* array = std::get_if<Array>(&data)) {
			auto printed = nlohmann::ordered_json::array();
			for (const auto& item : *array)
				printed.push_back(item.value_->printable());
			return printed;
		}
		if (const auto* object = std::get_if<Object>(&data)) {
			auto printed = nlohmann::ordered_json::object();
			for (const auto& [key, item] : *object)
				printed[key] = item.value_->printable();
			return printed;
		}
		return std::visit(
			[](const auto& value) -> nlohmann::ordered_json {
				using Type = std::decay_t<decltype(value)>;
				if constexpr (std::is_same_v<Type, Array> ||
					      std::is_same_v<Type, Object>)
					return nullptr; // printed above
				else
					return value;
			},
			data);
	}
};

Json::Json(Value value) : value_(std::make_unique<Value>(std::move(value))) {}
Json::Json(std::nullptr_t) : Json(Value{nullptr}) {}
Json::Json(bool value) : Json(Value{value}) {}
Json::Json(int number) : Json(std::int64_t{number}) {}
Json::Json(unsigned number) : Json(std::uint64_t{number}) {}
Json::Json(std::int64_t number) : Json(Value{number}) {}
Json::Json(std::uint64_t number) : Json(Value{number}) {}
Json::Json(const char* text) : Json(std::string(text)) {}
Json::Json(std::string_view text) : Json(std::string(text)) {}
Json::Json(const std::string& text) : Json(Value{text}) {}
Json::Json(const std::vector<std::string>& texts)
	: Json(Value{Value::Array(texts.begin(), texts.end())})
{
}

Json::Json(const std::vector<std::string_view>& texts)
	: Json(Value{Value::Array(texts.begin(), texts.end())})
{
}

Json::Json(std::initializer_list<Json> items) : Json(nullptr)
{
	if (!std::ranges::all_of(items, &Json::is_pair)) {
		value_->data = Value::Array(items);
		return;
	}
	value_->data = Value::Object();
	for (const auto& item : items) {
		const auto& pair = std::get<Value::Array>(item.value_->data);
		(*this)[std::get<std::string>(pair[0].value_->data)] = pair[1];
	}
}

Json Json::array()
{
	return Json(Value{Value::Array()});
}

Json Json::object()
{
	return Json(Value{Value::Object()});
}

Json::Json(const Json& other) : Json(Value(*other.value_)) {}
Json::Json(Json&& other) noexcept = default;
Json::~Json() = default;

Json& Json::operator=(Json other) noexcept
{
	value_ = std::move(other.value_);
	return *this;
}

bool Json::is_pair() const
{
	const auto* items = std::get_if<Value::Array>(&value_->data);
	return items && items->size() == 2 &&
	       std::holds_alternative<std::string>(items->front().value_->data);
}

Json& Json::operator[](std::string_view key)
{
	if (std::holds_alternative<std::nullptr_t>(value_->data))
		value_->data = Value::Object();
	auto& object = std::get<Value::Object>(value_->data);
	const auto found = std::ranges::find_if(
		object, [&](const auto& member) { return member.first == key; });
	if (found != object.end())
		return found->second;
	return object.emplace_back(std::string(key), nullptr).second;
}

Json& Json::push_back(Json item)
{
	return std::get<Value::Array>(value_->data).emplace_back(std::move(item));
}

std::string Json::dump(int indent) const
{
	return value_->printable().dump(
		indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace iomemgrant
