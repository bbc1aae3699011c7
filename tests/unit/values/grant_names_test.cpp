// SPDX-License-Identifier: GPL-2.0-or-later
// How grants are named and numbered, in every command.
#include "lib/host/grant_numbers.h"

#include <fstream>
#include <iterator>

#include "lib/values/grant_name.h"
#include "tests/unit/commands/messages.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/error_of.h"

using namespace iomemgrant;

namespace
{

constexpr auto db_uuid = "6f0c1d2e-0011-4000-8000-00163e000009";

/// web1 has g17, labelled nic, and g18; db (9) has g19, which is labelled nic as well.
class GrantNames : public Messages
{
protected:
	GrantNames()
	{
		DomainInfo db;
		db.id = Domid(9);
		db.uuid = *Uuid::parse(db_uuid);
		machine->xen.list.push_back(db);
		machine->xs.write("/local/domain/9/name", "db");
		grant("web1", "03:00.0/2@0+4K", "nic");
		grant("web1", "03:00.0/2@4K+4K", "");
		machine->grants.uuid = db.uuid;
		grant("db", "03:00.0/2@8K+4K", "nic");
	}

	void grant(const std::string& guest, const std::string& region, const std::string& label)
	{
		Arguments arguments{"grant", guest, region, "--no-wait"};
		if (!label.empty())
			arguments.push_back("--label=" + label);
		const auto ran = run_on(*machine, arguments);
		EXPECT_EQ(ran.status, 0) << ran.err;
	}

	std::uint64_t shown(const std::string& name)
	{
		const auto ran = run_on(*machine, {"--json", "show", name});
		EXPECT_EQ(ran.status, 0) << ran.err;
		return ran.status ? 0 : Answer(ran.out)["grant"]["id"].number();
	}

	// Of the grants that are left.
	std::vector<std::uint64_t> ids()
	{
		std::vector<std::uint64_t> ids;
		for (const auto& grant : machine->grants.grants)
			ids.push_back(grant.id.value());
		return ids;
	}

	using Ids = std::vector<std::uint64_t>;
};

/// A directory that is empty at first.
class Numbers : public testing::Test
{
protected:
	Numbers()
	{
		std::string name = testing::TempDir() + "numbers-XXXXXX";
		directory = std::filesystem::path(mkdtemp(name.data())) / "run";
	}
	~Numbers() override { std::filesystem::remove_all(directory.parent_path()); }

	std::string content() const
	{
		std::ifstream file(directory / "last-grant");
		return {std::istreambuf_iterator<char>(file), {}};
	}

	std::filesystem::path directory;
};

} // namespace

TEST_F(GrantNames, an_id_a_label_or_a_guest_and_a_label_name_one)
{
	for (const auto* name : {"17", "g17", "id:17", "id:g17", "web1/nic", "id:5/nic",
		     "6f0c1d2e-0011-4000-8000-00163e000001/nic"})
		EXPECT_EQ(shown(name), 17U) << name;
	for (const auto* name : {"db/nic", "9/nic", "name:db/nic"})
		EXPECT_EQ(shown(name), 19U) << name;
}

TEST_F(GrantNames, a_label_that_two_guests_use_is_ambiguous)
{
	const Arguments commands[] = {{"show", "nic"}, {"show", "label:nic"}, {"revoke", "nic"},
		{"wait", "nic", "--for=gone"}};
	for (const auto& arguments : commands)
		expect(arguments, "2 grants are labelled 'nic'", "ambiguous-grant",
			"use g17 (web1/nic) or g19 (db/nic)", 2);
	EXPECT_EQ(ids(), (Ids{17, 18, 19}));
}

TEST_F(GrantNames, revoke_takes_every_kind_of_name)
{
	EXPECT_EQ(run_on(*machine, {"revoke", "db/nic", "id:18"}).status, 0);
	EXPECT_EQ(ids(), (Ids{17}));
	EXPECT_EQ(run_on(*machine, {"revoke", "nic", "g17", "label:nic"}).status, 0);
	EXPECT_EQ(ids(), Ids{});
}

TEST_F(GrantNames, what_does_not_exist_is_told_with_what_is_close)
{
	for (const auto* verb : {"show", "revoke"}) {
		expect({verb, "nci"}, "no grant labelled 'nci'", "no-grant", "closest: nic", 3);
		expect({verb, "web1/doorbell"}, "no grant labelled 'doorbell' of web1", "no-grant",
			"xen-iomemgrant list", 3);
		expect({verb, "g20"}, "no grant g20", "no-grant", "xen-iomemgrant list", 3);
		expect({verb, "web9/nic"}, "no domain named 'web9'", "no-domain", "closest: web1",
			3);
		expect({verb, "id:x"}, "'x' is not a grant id (want 17 or g17)", "bad-grant-id",
			"xen-iomemgrant list", 2);
		expect({verb, "label:-x"}, "'-x' is not a label", "bad-label",
			"a label is 1 to 63 of [A-Za-z0-9._-] and starts with a letter or digit",
			2);
	}
	const auto ran = run_on(*machine, {"--json", "revoke", "typo", "--ignore-missing"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(Answer(ran.out)["grants"][0]["id"], nullptr);
	EXPECT_EQ(ids(), (Ids{17, 18, 19}));
}

TEST_F(GrantNames, a_slip_is_not_gone)
{
	expect({"wait", "typo", "--for=gone"}, "no grant labelled 'typo'", "no-grant",
		"xen-iomemgrant list", 3);
	EXPECT_EQ(run_on(*machine, {"revoke", "g18"}).status, 0);
	EXPECT_EQ(run_on(*machine, {"wait", "g18", "--for=gone"}).status, 0);
}

TEST_F(GrantNames, a_new_label_does_not_look_like_an_id)
{
	for (const auto* label : {"17", "g17", "0", "g0"})
		refused("03:00.0/0", fmt::format("label '{}' looks like a grant id", label).c_str(),
			"bad-label",
			"begin it with another letter than g, or have more than digits in it", 2,
			{fmt::format("--label={}", label)});
	grant("web1", "03:00.0/0", "gnic17");
}

TEST_F(GrantNames, a_label_that_looks_like_an_id_is_reached_all_the_same)
{
	// Another program may have granted it.
	machine->grants.grants.at(1).label = Label::parse("g17");
	expect({"show", "g17"}, "'g17' is the id of one grant and the label of g18",
		"ambiguous-grant", "use id:17 or label:g17", 2);
	EXPECT_EQ(shown("label:g17"), 18U);
	EXPECT_EQ(shown("id:17"), 17U);
}

TEST_F(GrantNames, a_grant_gets_a_label_later)
{
	const Arguments command{"grant", "web1", "03:00.0/2@4K+4K", "--no-wait", "--label=bell"};
	auto rehearsal = command;
	rehearsal.push_back("--dry-run");
	EXPECT_EQ(run_on(*machine, rehearsal).out,
		"would label g18: 0000:03:00.0 BAR2 [0x1000-0x1fff] 1 page rw,uc -> web1 (d5)  "
		"'bell'\n");
	EXPECT_FALSE(machine->grants.grants.at(1).label);

	EXPECT_EQ(run_on(*machine, command).out, "labelled g18: 0000:03:00.0 BAR2 [0x1000-0x1fff] "
						 "1 page rw,uc -> web1 (d5)  'bell'\n");
	EXPECT_EQ(shown("bell"), 18U);
	EXPECT_EQ(machine->grants.grants.at(1).label, Label::parse("bell"));
	const auto again =
		run_on(*machine, {"--json", "grant", "web1", "03:00.0/2@4K+4K", "--no-wait"});
	EXPECT_EQ(Answer(again.out)["changed"], false);

	// One that another grant of the guest has is refused, and nothing is changed.
	refused("03:00.0/2@4K+4K", "web1 already has a grant labelled 'nic' (g17)", "label-in-use",
		"revoke g17 or choose another label", 5, {"--no-wait", "--label=nic"});
	EXPECT_EQ(shown("bell"), 18U);
}

TEST_F(GrantNames, a_label_that_xenstore_refuses_is_not_the_kernels_either)
{
	machine->xs.fail_transaction = 4;
	const auto ran =
		run_on(*machine, {"grant", "web1", "03:00.0/2@4K+4K", "--no-wait", "--label=bell"});
	EXPECT_NE(ran.status, 0);
	EXPECT_FALSE(machine->grants.grants.at(1).label);
	EXPECT_EQ(run_on(*machine, {"show", "bell"}).status, 3);
}

TEST_F(Numbers, only_grow_and_outlive_the_program)
{
	EXPECT_EQ(GrantNumbers(directory).highest(), GrantId(0));
	GrantNumbers(directory).use(GrantId(7));
	EXPECT_EQ(GrantNumbers(directory).highest(), GrantId(7));
	GrantNumbers(directory).use(GrantId(5));
	EXPECT_EQ(GrantNumbers(directory).highest(), GrantId(7));
	GrantNumbers(directory).use(GrantId(12345678));
	EXPECT_EQ(content(), "00000000000012345678\n");
	EXPECT_EQ(GrantNumbers().highest(), std::nullopt);
}

TEST_F(GrantNames, ids_go_on_where_the_host_was)
{
	// The module was loaded again: it would begin at 1.
	std::string name = testing::TempDir() + "ids-XXXXXX";
	const std::filesystem::path directory = mkdtemp(name.data());
	machine->numbers = GrantNumbers(directory);
	machine->numbers.use(GrantId(40));
	grant("web1", "03:00.0/0@0+4K", "late");
	EXPECT_EQ(ids(), (Ids{17, 18, 19, 41}));
	EXPECT_EQ(machine->numbers.highest(), GrantId(41));
	// An id that was never given is not gone.
	expect({"wait", "g42", "--for=gone"}, "no grant g42", "no-grant", "xen-iomemgrant list", 3);
	EXPECT_EQ(run_on(*machine, {"wait", "g40", "--for=gone"}).status, 0);

	// Where the number cannot be kept nothing is granted.
	machine->numbers = GrantNumbers("/proc/none/iomemgrant");
	EXPECT_NE(run_on(*machine, {"grant", "web1", "03:00.0/0@4K+4K", "--no-wait"}).status, 0);
	EXPECT_EQ(ids(), (Ids{17, 18, 19, 41}));
	std::filesystem::remove_all(directory);
}

TEST_F(Numbers, what_is_no_number_is_told_before_anything_is_granted)
{
	std::filesystem::create_directories(directory);
	for (const auto* text :
		{"seventeen\n", "g17\n", "99999999999999999999\n", "9007199254740992\n"}) {
		std::ofstream(directory / "last-grant") << text;
		EXPECT_EQ(error_of([&] { return GrantNumbers(directory).highest(); }),
			(Said{fmt::format("{}/last-grant holds no grant id [io-error]",
				      directory.string()),
				fmt::format("write the highest id of xen-iomemgrant list into {}"
					    "/last-grant",
					directory.string()),
				1}))
			<< text;
	}
	std::filesystem::remove_all(directory);
	std::ofstream(directory) << "no directory";
	EXPECT_EQ(error_of([&] { GrantNumbers(directory).prepare(); }).exit, 1);
}
