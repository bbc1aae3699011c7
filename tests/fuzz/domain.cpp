// SPDX-License-Identifier: GPL-2.0-or-later
// DOMAIN as a user types it, domain ids and UUIDs.
#include "lib/values/domid.h"

#include <algorithm>

#include "tests/fuzz/fuzz.h"

using namespace iomemgrant;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
	const auto text = fuzz::text(data, size);

	if (const auto domid = Domid::parse(text)) {
		REQUIRE(domid->value() < Domid::first_reserved);
		REQUIRE(domid->str() == text);
	}
	if (const auto uuid = Uuid::parse(text)) {
		const auto printed = uuid->str();
		REQUIRE(Uuid::parse(printed) == uuid);
		REQUIRE(std::equal(text.begin(), text.end(), printed.begin(), printed.end(),
			[](char typed, char shown) {
				return typed == shown || (typed | 0x20) == shown;
			}));
	}
	const auto spec = fuzz::parsed([&] { return DomainSpec::parse(text); });
	if (!spec)
		return 0;
	REQUIRE(text.ends_with(spec->text));
	switch (spec->by) {
	case DomainSpec::By::id:
		REQUIRE(Domid::parse(spec->text) == spec->id);
		break;
	case DomainSpec::By::uuid:
		REQUIRE(Uuid::parse(spec->text) == spec->uuid);
		break;
	case DomainSpec::By::name:
		REQUIRE(!spec->text.empty());
		break;
	}
	return 0;
}
