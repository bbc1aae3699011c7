// SPDX-License-Identifier: GPL-2.0-or-later
// Names of domains that are not plain ASCII, and names that two domains have.
#include "lib/text/one_line.h"

#include "tests/unit/commands/messages.h"
#include "tests/unit/support/answer.h"

using namespace iomemgrant;

namespace
{

constexpr auto chinese = "网络服务器";

class Names : public Messages
{
protected:
	DomainInfo& add(std::uint16_t id, const std::string& name, const std::string& uuid)
	{
		DomainInfo domain;
		domain.id = Domid(id);
		domain.uuid = *Uuid::parse(uuid);
		machine->xen.list.push_back(domain);
		machine->xs.write(fmt::format("/local/domain/{}/name", id), name);
		return machine->xen.list.back();
	}

	Ran grant_to(const std::string& name)
	{
		return run_on(*machine, {"grant", name, "03:00.0/2@0+4K", "--no-wait"});
	}
};

constexpr auto first_uuid = "6f0c1d2e-0011-4000-8000-00163e000008";
constexpr auto second_uuid = "6f0c1d2e-0011-4000-8000-00163e000009";

} // namespace

TEST_F(Names, a_domain_is_found_by_the_bytes_of_its_name)
{
	machine->grants.uuid = add(8, chinese, first_uuid).uuid;
	const auto ran = grant_to(chinese);
	EXPECT_EQ(ran.status, 0) << ran.err;
	EXPECT_EQ(ran.out, fmt::format("granted g17: 0000:03:00.0 BAR2 [0x0-0xfff] 1 page rw,uc -> "
				       "{} (d8)\n",
				   chinese));
	const auto listed = run_on(*machine, {"list", "--json", "--domain", chinese});
	EXPECT_EQ(Answer(listed.out)["grants"][0]["domain"]["name"], chinese);
	EXPECT_NE(run_on(*machine, {"list"}).out.find(chinese), std::string::npos);
	EXPECT_EQ(grant_to("???????????????").status, 3);
}

TEST_F(Names, names_that_differ_in_one_letter_are_two)
{
	add(8, "büro", first_uuid);
	machine->grants.uuid = add(9, "bäro", second_uuid).uuid;
	ASSERT_EQ(grant_to("bäro").status, 0);
	EXPECT_EQ(machine->grants.grants.front().domid, Domid(9));
	expect({"grant", "b??ro", "03:00.0/0"}, "no domain named 'b??ro'", "no-domain",
		"closest: bäro, büro", 3);
	// Longer than what is shown of a guest's own words.
	const std::string name(250, 'n');
	machine->grants.uuid = add(10, name, first_uuid).uuid;
	EXPECT_EQ(run_on(*machine, {"check", name, "03:00.0/0"}).status, 0);
}

TEST_F(Names, what_is_no_utf_8_or_steers_a_terminal_is_shown_harmlessly)
{
	const std::string raw = "a\x1b[2J\xff\xe2\x80\xae";
	machine->grants.uuid = add(8, raw, first_uuid).uuid;
	ASSERT_EQ(grant_to("id:8").status, 0);
	for (const Arguments& arguments : {Arguments{"list"}, Arguments{"show", "g17"}}) {
		const auto ran = run_on(*machine, arguments);
		EXPECT_NE(ran.out.find("a?[2J??"), std::string::npos) << ran.out;
		EXPECT_EQ(ran.out.find('\x1b'), std::string::npos);
	}
	// The bytes as far as JSON has words for them.
	const auto listed = run_on(*machine, {"list", "--json"});
	EXPECT_EQ(Answer(listed.out)["grants"][0]["domain"]["name"],
		"a\x1b[2J\xef\xbf\xbd\xe2\x80\xae");
}

TEST_F(Names, one_name_of_two_living_domains_is_ambiguous)
{
	add(8, "zz", first_uuid);
	machine->grants.uuid = add(9, "zz", second_uuid).uuid;
	const auto hint =
		fmt::format("use id:8 (uuid:{}) or id:9 (uuid:{})", first_uuid, second_uuid);
	for (const auto* verb : {"grant", "check"})
		expect({verb, "zz", "03:00.0/0"}, "2 domains are named 'zz'", "ambiguous-domain",
			hint.c_str(), 2);
	expect({"list", "--domain=zz"}, "2 domains are named 'zz'", "ambiguous-domain",
		hint.c_str(), 2);
	EXPECT_TRUE(machine->grants.grants.empty());
	EXPECT_EQ(grant_to(fmt::format("uuid:{}", second_uuid)).status, 0);
}

TEST_F(Names, a_domain_that_is_dying_does_not_make_a_name_ambiguous)
{
	add(8, "zz", first_uuid).dying = true;
	machine->grants.uuid = add(9, "zz", second_uuid).uuid;
	ASSERT_EQ(grant_to("zz").status, 0);
	EXPECT_EQ(machine->grants.grants.front().domid, Domid(9));
}

TEST_F(Names, upper_and_lower_case_are_close)
{
	expect({"grant", "WEB1", "03:00.0/0"}, "no domain named 'WEB1'", "no-domain",
		"closest: web1", 3);
}

TEST(OneLine, keeps_what_people_read_and_nothing_else)
{
	EXPECT_EQ(one_line("wéb 网 😀"), "wéb 网 😀");
	EXPECT_EQ(one_line("a\tb\nc\x7f"), "a?b?c?");
	EXPECT_EQ(one_line("\xc2\x9b[2J"), "?[2J"); // CSI in one character
	EXPECT_EQ(one_line("\xe2\x80\xae"
			   "x"),
		"?x");                                                 // writes backwards
	EXPECT_EQ(one_line("\xc0\xaf \xed\xa0\x80 \xf5"), "?? ??? ?"); // no UTF-8
	EXPECT_EQ(one_line("\xe7\xbd"), "??");                         // cut short
}
