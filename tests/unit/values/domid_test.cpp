// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/domid.h"

#include <gtest/gtest.h>

#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

TEST(Domid, accepts_only_canonical_decimal_below_the_reserved_ids)
{
	EXPECT_EQ(Domid::parse("0"), Domid(0));
	EXPECT_EQ(Domid::parse("7"), Domid(7));
	EXPECT_EQ(Domid::parse("32751"), Domid(0x7fef));
	for (const auto* text :
		{"", "007", "-1", "+1", " 1", "1 ", "0x1", "32752", "65536", "999999"})
		EXPECT_EQ(Domid::parse(text), std::nullopt) << text;
}

TEST(Uuid, reads_and_prints_the_usual_form)
{
	const auto uuid = Uuid::parse("6F0C1d2e-0011-4000-8000-00163e000001");
	ASSERT_TRUE(uuid);
	EXPECT_EQ(uuid->str(), "6f0c1d2e-0011-4000-8000-00163e000001");
	EXPECT_TRUE(uuid->known());
	EXPECT_FALSE(Uuid().known());
	EXPECT_EQ(Uuid::parse("6f0c1d2e00114000800000163e000001"), std::nullopt);
	EXPECT_EQ(Uuid::parse("6f0c1d2e-0011-4000-8000-00163e00000g"), std::nullopt);
}

TEST(DomainSpec, digits_are_an_id_a_uuid_is_a_uuid_the_rest_is_a_name)
{
	EXPECT_EQ(DomainSpec::parse("12").by, DomainSpec::By::id);
	EXPECT_EQ(DomainSpec::parse("12").id, Domid(12));
	EXPECT_EQ(DomainSpec::parse("id:12").by, DomainSpec::By::id);
	EXPECT_EQ(DomainSpec::parse("name:12").by, DomainSpec::By::name);
	EXPECT_EQ(DomainSpec::parse("name:12").text, "12");
	EXPECT_EQ(DomainSpec::parse("web1").by, DomainSpec::By::name);
	EXPECT_EQ(
		DomainSpec::parse("6f0c1d2e-0011-4000-8000-00163e000001").by, DomainSpec::By::uuid);
	EXPECT_EQ(DomainSpec::parse("uuid:6f0c1d2e-0011-4000-8000-00163e000001").by,
		DomainSpec::By::uuid);
}

TEST(DomainSpec, what_cannot_name_a_domain_is_refused)
{
	EXPECT_EQ(error_of([] { return DomainSpec::parse("99999"); }),
		(Said{"'99999' is not a domain id (want 0 to 32751) [bad-domain]",
			"use name:99999 for a domain with that name", 2}));
	EXPECT_EQ(error_of([] { return DomainSpec::parse("id:web"); }),
		(Said{"'web' is not a domain id (want 0 to 32751) [bad-domain]",
			"use name:web for a domain with that name", 2}));
	EXPECT_EQ(error_of([] { return DomainSpec::parse("uuid:web"); }).exit, 2);
	EXPECT_EQ(error_of([] { return DomainSpec::parse(""); }).exit, 2);
	EXPECT_EQ(error_of([] { return DomainSpec::parse("a\nb"); }).exit, 2);
}
