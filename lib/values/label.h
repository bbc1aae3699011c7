// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_LABEL_H
#define IOMEMGRANT_LABEL_H

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace iomemgrant
{

/// A name the user gives a grant; the guest's udev makes a link of it, so its characters are few:
/// 1 to 63 of [A-Za-z0-9._-], the first one a letter or digit.
class Label
{
public:
	static std::optional<Label> parse(std::string_view text);
	/// As parse(), but throws Error bad-label.
	static Label from_user(std::string_view text);

	const std::string& str() const { return text_; }

	friend auto operator<=>(const Label&, const Label&) = default;

private:
	explicit Label(std::string_view text) : text_(text) {}

	std::string text_;
};

} // namespace iomemgrant

#endif
