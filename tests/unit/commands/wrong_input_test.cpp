// SPDX-License-Identifier: GPL-2.0-or-later
// Mistakes of people at the keyboard, and the answer to each: one line with a slug and a hint,
// status 2, and no layer of the machine is opened.
#include "tests/unit/agent/guest.h"
#include "tests/unit/commands/messages.h"
#include "tests/unit/support/answer.h"

using namespace iomemgrant;

namespace
{

struct Wrong {
	Arguments typed;
	const char* message;
	const char* hint;
	const char* slug = "usage";
	int exit = 2;
};

std::string shown(const char* program, const Wrong& wrong)
{
	return fmt::format("{}: error: {} [{}]\n{}", program, wrong.message, wrong.slug,
		*wrong.hint ? fmt::format("hint: {}\n", wrong.hint) : "");
}

} // namespace

TEST_F(Messages, wrong_inputs_of_the_command_line)
{
	constexpr auto time_hint = "seconds, or with a unit: 500ms, 30s, 5m, 1h, \"1min 30s\"";
	const Wrong table[] = {
		{{}, "no command is given", "xen-iomemgrant --help"},
		{{"grnat"}, "no command 'grnat'", "did you mean grant? xen-iomemgrant --help"},
		{{"lst"}, "no command 'lst'", "did you mean list? xen-iomemgrant --help"},
		{{"frobnicate", "--help"}, "no command 'frobnicate'", "xen-iomemgrant --help"},
		{{"help", "grnat"}, "no command 'grnat'",
			"did you mean grant? xen-iomemgrant --help"},
		{{"--domain", "web1", "list"},
			"--domain is an option of a command and comes behind it",
			"xen-iomemgrant revoke --domain; xen-iomemgrant --help"},
		{{"--frobnicate", "list"}, "there is no option --frobnicate",
			"xen-iomemgrant --help"},
		{{"list", "--sort", "size"}, "list has no option --sort",
			"xen-iomemgrant list --help"},
		{{"list", "--stat=lost"}, "list has no option --stat",
			"did you mean --state? xen-iomemgrant list --help"},
		{{"list", "size"}, "list takes no argument, and 'size' is one",
			"xen-iomemgrant list --help"},
		{{"list", "--domain="}, "--domain: must not be empty",
			"xen-iomemgrant list --help"},
		{{"list", "--domain"}, "--domain needs a value",
			"--domain=DOMAIN; xen-iomemgrant list --help"},
		{{"list", "--quiet=yes"}, "--quiet takes no value", "xen-iomemgrant list --help"},
		{{"list", "-x"}, "list has no option -x", "xen-iomemgrant list --help"},
		{{"list", "--state", "x"},
			"--state: 'x' is not offered, mapped, revoking, orphaned, lost or "
			"unpublished",
			""},
		{{"list", "--state=maped"},
			"--state: 'maped' is not offered, mapped, revoking, orphaned, lost or "
			"unpublished",
			"did you mean mapped?"},
		{{"list", "--schema", "2"}, "--schema: '2' is not 1", ""},
		{{"list", "--color=on"}, "--color: 'on' is not auto, always or never", ""},
		{{"list", "--timeout", "abc"}, "--timeout: 'abc' is not a time from 0 to 1d",
			time_hint},
		{{"list", "--timeout", "nan"}, "--timeout: 'nan' is not a time from 0 to 1d",
			time_hint},
		{{"list", "--timeout=2d"}, "--timeout: '2d' is not a time from 0 to 1d", time_hint},
		{{"show"}, "show needs GRANT", "xen-iomemgrant show --help"},
		{{"show", "g1", "g2"}, "'g2' is one argument too many for show",
			"xen-iomemgrant show --help"},
		{{"wait", "g17"}, "wait needs --for=STATE", "xen-iomemgrant wait --help"},
		{{"wait", "g17", "--for=mappd"}, "--for: 'mappd' is not mapped, unmapped or gone",
			""},
		{{"grant"}, "grant needs DOMAIN", "xen-iomemgrant grant --help"},
		{{"grant", "web1"}, "grant needs REGION", "xen-iomemgrant grant --help"},
		{{"grant", "web1", "03:00.0/2", "--wait=5", "--no-wait"},
			"--wait and --no-wait exclude each other", "xen-iomemgrant grant --help"},
		{{"grant", "web1", "03:00.0/2", "--wait", "soon"},
			"--wait: 'soon' is not a time from 0 to 1d", time_hint},
		{{"grant", "web1", "03:00.0/2", "--wait"}, "--wait needs a value",
			"--wait=SEC; xen-iomemgrant grant --help"},
		{{"grant", "web1", "03:00.0/2", "--label", "--dry-run"},
			"--label needs a value, and '--dry-run' looks like an option",
			"--label=--dry-run if that is the value; xen-iomemgrant grant --help"},
		{{"grant", "web1", "03:00.0/2", "--method=iomem"},
			"--method: 'iomem' is not grant or domctl", ""},
		{{"revoke"}, "say what to revoke: GRANT..., --domain, --device or --all",
			"xen-iomemgrant revoke --help"},
		{{"revoke", "--all", "--domain", "web1"},
			"revoke takes only one of GRANT..., --domain, --device and --all",
			"xen-iomemgrant revoke --help"},
		{{"revoke", "g17", "--force", "--force"},
			"--force needs a value, and '--force' looks like an option",
			"--force=--force if that is the value; xen-iomemgrant revoke --help"},
		{{"revoke", "g17", "--force=fence", "--force=fence"}, "--force is given twice",
			"xen-iomemgrant revoke --help"},
	};
	for (const auto& wrong : table) {
		SCOPED_TRACE(wrong.message);
		const auto ran = run_on(*machine, wrong.typed);
		EXPECT_EQ(ran.status, wrong.exit);
		EXPECT_EQ(ran.err, shown("xen-iomemgrant", wrong));
		EXPECT_EQ(ran.out, "");
		auto with_json = wrong.typed;
		with_json.insert(with_json.begin(), "-j");
		const auto document = Answer(run_on(*machine, with_json).out);
		EXPECT_EQ(document["error"]["code"], wrong.slug);
		EXPECT_EQ(document["error"]["message"], wrong.message);
	}
	EXPECT_EQ(machine->opened, 0) << "a refused command line opens nothing";
}

TEST(WrongInput, of_the_guests_program)
{
	const Wrong table[] = {
		{{}, "no command is given", "xen-iomemagent --help"},
		{{"raed", "g17", "0"}, "no command 'raed'",
			"did you mean read? xen-iomemagent --help"},
		{{"read", "g17"}, "read needs OFF", "xen-iomemagent read --help"},
		{{"read", "g17", "-4"}, "read has no option -4", "xen-iomemagent read --help"},
		{{"read", "g17", "0", "-w", "12"}, "--width: '12' is not 8, 16, 32 or 64", ""},
		{{"read", "g17", "0", "--count=0"},
			"--count: '0' is not a number from 1 to 4294967295", ""},
		{{"read", "g17", "0", "--count=-1"},
			"--count: '-1' is not a number from 1 to 4294967295", ""},
		{{"write", "g17", "0", "1", "--yes"}, "write needs --width=BITS",
			"xen-iomemagent write --help"},
		{{"wait", "g17", "--label=nic"}, "GRANT and --label exclude each other",
			"xen-iomemagent wait --help"},
		{{"map", "g17", "ls"}, "map needs --exec", "xen-iomemagent map --help"},
		{{"list", "size"}, "list takes no argument, and 'size' is one",
			"xen-iomemagent list --help"},
		{{"list", "-o", "id,colour"}, "no column 'colour'",
			"columns: id, size, pages, mode, cache, state, changes, users, node, "
			"label, "
			"granter, refs, uuid, gfn, map"},
	};
	agent::Guest guest;
	guest.with_grant();
	for (const auto& wrong : table) {
		SCOPED_TRACE(wrong.message);
		const auto ran = guest.run(wrong.typed);
		EXPECT_EQ(ran.status, wrong.exit);
		EXPECT_EQ(ran.err, shown("xen-iomemagent", wrong));
		EXPECT_EQ(ran.out, "");
	}
}

TEST_F(Messages, help_and_version_open_nothing)
{
	for (const Arguments& arguments : {Arguments{"--help"}, Arguments{"help"},
		     Arguments{"help", "grant"}, Arguments{"grant", "--help"},
		     Arguments{"--version"}, Arguments{"version"}}) {
		const auto ran = run_on(*machine, arguments);
		EXPECT_EQ(ran.status, 0);
		EXPECT_NE(ran.out, "");
		EXPECT_EQ(ran.err, "");
	}
	EXPECT_EQ(machine->opened, 0);
	EXPECT_EQ(run_on(*machine, {"list"}).status, 0);
	EXPECT_GT(machine->opened, 0) << "the count is alive";
}

TEST_F(Messages, the_value_of_an_option_is_no_grant_to_revoke)
{
	guest_maps();
	ASSERT_EQ(run_on(*machine, {"grant", "web1", "03:00.0/2@0+4K"}).status, 0);
	ASSERT_EQ(run_on(*machine, {"grant", "web1", "03:00.0/2@4K+4K"}).status, 0);
	machine->xs.guest = [this](FakeXenStore& xs) {
		const PublicationPath path(Domid(0), Domid(5), GrantId(17));
		xs.write(path.frontend("state"), "6");
		machine->grants.grants.front().nr_mapped = 0;
	};
	const auto ran = run_on(*machine, {"revoke", "g17", "--wait", "18"});
	EXPECT_EQ(ran.status, 0) << ran.err;
	ASSERT_EQ(machine->grants.grants.size(), 1U);
	EXPECT_EQ(machine->grants.grants.front().id, GrantId(18));
}

TEST_F(Messages, dry_run_does_no_harm_where_nothing_changes)
{
	for (const auto* verb : {"list", "bars", "limits", "doctor", "version"})
		EXPECT_EQ(run_on(*machine, {"-n", verb}).err.find("no-dry-run"), std::string::npos);
	EXPECT_EQ(run_on(*machine, {"list", "-n"}).status, 0);
}
