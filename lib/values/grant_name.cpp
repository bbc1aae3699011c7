// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/values/grant_name.h"

#include <fmt/format.h>

#include "lib/values/error.h"

namespace iomemgrant
{

GrantName GrantName::parse(std::string_view text)
{
	constexpr std::string_view by_id = "id:";
	constexpr std::string_view by_label = "label:";
	// Before the prefixes, because a guest may be named "id:5".  A label has no '/'.
	if (const auto slash = text.rfind('/'); slash != std::string_view::npos)
		return {{}, Label::from_user(text.substr(slash + 1)),
			DomainSpec::parse(text.substr(0, slash))};
	if (text.starts_with(by_id))
		return of(GrantId::from_user(text.substr(by_id.size())));
	if (text.starts_with(by_label))
		return of(Label::from_user(text.substr(by_label.size())));
	GrantName name{GrantId::parse(text), Label::parse(text), {}};
	if (!name.id && !name.label)
		throw Error(kind::bad_grant_id,
			fmt::format("'{}' is neither a grant id nor a label", text),
			"a grant is named as 17, g17 or id:17, as LABEL or label:LABEL, or as "
			"GUEST/LABEL");
	return name;
}

std::string GrantName::str() const
{
	if (id)
		return id->str();
	return guest ? fmt::format("{}/{}", guest->text, label->str()) : label->str();
}

std::string GrantName::describe() const
{
	if (id && label)
		return fmt::format("'{}'", label->str());
	if (id)
		return id->str();
	return fmt::format("labelled '{}'{}", label->str(), guest ? " of " + guest->text : "");
}

} // namespace iomemgrant
