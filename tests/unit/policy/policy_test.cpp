// SPDX-License-Identifier: GPL-2.0-or-later
// The policy file: its mistakes, and that what it says holds for bars, check and grant.
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lib/policy/policy.h"
#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/error_of.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

class PolicyFile : public testing::Test
{
protected:
	PolicyFile()
	{
		tree.add("0000:03:00.0").memory(0, 0xfe000000, 0x4000).class_code(0x020000);
	}

	/// Writes the file and returns its name.
	std::string write(const std::string& text, const char* name = "policy.toml")
	{
		const auto path = tree.root() / name;
		std::ofstream(path) << text;
		return path.string();
	}

	/// What is said of a file with this text, with "F" for its name.
	Said mistake(const std::string& text)
	{
		const auto path = write(text);
		auto said = error_of([&] {
			Policy policy;
			policy.add_file(path);
			EXPECT_EQ(policy.nr_rules(), 0U);
			return 0;
		});
		if (said.text.starts_with(path))
			said.text.replace(0, path.size(), "F");
		return said;
	}

	/// What the policy says of 0000:03:00.0, 1234:11e8, class 020000.
	std::string denial(const std::string& text)
	{
		Policy policy;
		policy.add_file(write(text));
		const auto error =
			policy.denial(PciDevices(tree.root()).read(*Sbdf::parse("03:00.0")));
		return error ? std::string(error->kind().slug) : "";
	}

	Ran run(const std::vector<std::string>& arguments)
	{
		FakeMachine machine(tree.root());
		auto ran = run_on(machine, arguments);
		granted = machine.grants.grants;
		return ran;
	}

	PciTree tree;
	std::vector<Grant> granted;
};

} // namespace

TEST_F(PolicyFile, each_mistake_is_named_with_line_and_column)
{
	EXPECT_EQ(mistake("schema = 1\ndenied = 3\n"),
		(Said{"F:2:1: unknown key 'denied' [bad-policy]",
			"known here: schema, deny, allow, override", 2}));
	EXPECT_EQ(mistake("[[deny]]\nclass = \"01\"\nreson = \"disks\"\n"),
		(Said{"F:3:1: unknown key 'reson' [bad-policy]",
			"known here: device, id, class, reason", 2}));
	EXPECT_EQ(mistake("[[deny]]\nid = \"8086-1572\"\n"),
		(Said{"F:2:6: '8086-1572' is not a device id [bad-policy]",
			"write vendor:device as lspci -n does, for example 8086:1572", 2}));
	EXPECT_EQ(mistake("[[allow]]\nclass = \"1\"\n"),
		(Said{"F:2:9: '1' is not a PCI class [bad-policy]",
			"2, 4 or 6 hexadecimal digits: base class, sub-class, interface", 2}));
	EXPECT_EQ(mistake("[[deny]]\n  device = \"0000:82.0.0\"\n"),
		(Said{"F:2:12: '0000:82.0.0' is not a PCI address (want [DDDD:]BB:SS.F) "
		      "[bad-policy]",
			"did you mean 0000:82:00.0?", 2}));
	EXPECT_EQ(mistake("[[deny]]\nreason = \"all\"\n"),
		(Said{"F:1:1: this rule names no device [bad-policy]",
			"give it device = \"BDF\", id = \"VVVV:DDDD\" or class = \"CC\"", 2}));
	EXPECT_EQ(mistake("[[override]]\nclasses = [\"driver-bound\", \"all\"]\n").text,
		"F:2:28: 'all' is not a class --allow knows [bad-policy]");
	EXPECT_EQ(mistake("[[override]]\nid = \"8086:1572\"\n").text,
		"F:1:1: this override names no classes [bad-policy]");
	EXPECT_EQ(mistake("[[override]]\nclasses = \"driver-bound\"\n").text,
		"F:2:11: 'classes' must be a list of strings [bad-policy]");
	EXPECT_EQ(mistake("[deny]\nclass = \"01\"\n").text,
		"F:1:1: 'deny' must be written [[deny]] [bad-policy]");
	EXPECT_EQ(mistake("deny = [1]\n").text,
		"F:1:9: 'deny' must be written [[deny]] [bad-policy]");
	EXPECT_EQ(mistake("[[deny]]\nclass = 1\n").text,
		"F:2:9: 'class' must be a string [bad-policy]");
	EXPECT_EQ(mistake("schema = 2\n"), (Said{"F:1:10: schema 2 is not known [bad-policy]",
						   "this program knows schema 1", 2}));
	EXPECT_EQ(mistake("schema = \"1\"\n").text,
		"F:1:10: 'schema' must be an integer [bad-policy]");
	// What is no TOML at all is told in the parser's own words.
	const auto broken = mistake("[[deny]\nclass = \"01\"\n");
	EXPECT_TRUE(broken.text.starts_with("F:1:")) << broken.text;
	EXPECT_EQ(broken.exit, 2);
	EXPECT_EQ(mistake("[[deny]]\nclass=\"01\"\nclass=\"02\"\n").exit, 2);
	EXPECT_EQ(mistake(std::string("a = \"\0\"", 7)).exit, 2);
}

TEST_F(PolicyFile, a_file_that_cannot_be_read_is_an_error_and_not_an_empty_policy)
{
	const auto said = [&](const std::string& path) {
		return error_of([&] {
			Policy().add_file(path);
			return 0;
		});
	};
	EXPECT_EQ(said("/nowhere/policy.toml"),
		(Said{"cannot read /nowhere/policy.toml: No such file or directory [bad-policy]",
			"", 2}));
	EXPECT_EQ(said(tree.root().string()).exit, 2);
	EXPECT_EQ(said(write(std::string(2 << 20, '#'))).exit, 2);
	EXPECT_EQ(said("/dev/zero").exit, 2);
}

TEST_F(PolicyFile, a_rule_matches_by_address_id_or_class_and_by_all_it_names)
{
	EXPECT_EQ(denial(""), "");
	EXPECT_EQ(denial("[[deny]]\ndevice = \"03:00.0\"\n"), "policy-denied");
	EXPECT_EQ(denial("[[deny]]\ndevice = \"03:00.1\"\n"), "");
	EXPECT_EQ(denial("[[deny]]\nid = \"1234:11E8\"\n"), "policy-denied");
	EXPECT_EQ(denial("[[deny]]\nid = \"1234:11e9\"\n"), "");
	EXPECT_EQ(denial("[[deny]]\nid = \"1235:11e8\"\n"), "");
	for (const auto* code : {"02", "0200", "020000", "0x0200"})
		EXPECT_EQ(denial(fmt::format("[[deny]]\nclass = \"{}\"\n", code)), "policy-denied");
	for (const auto* code : {"03", "0280", "020001"})
		EXPECT_EQ(denial(fmt::format("[[deny]]\nclass = \"{}\"\n", code)), "");
	EXPECT_EQ(denial("[[deny]]\nclass = \"02\"\nid = \"1234:11e8\"\n"), "policy-denied");
	EXPECT_EQ(denial("[[deny]]\nclass = \"03\"\nid = \"1234:11e8\"\n"), "");
}

TEST_F(PolicyFile, with_an_allow_list_only_what_is_on_it_can_be_granted)
{
	EXPECT_EQ(denial("[[allow]]\nid = \"1234:11e8\"\n"), "");
	EXPECT_EQ(denial("[[allow]]\nid = \"8086:1572\"\n"), "policy-denied");
	EXPECT_EQ(denial("allow = []\n"), "policy-denied");
	// Being allowed does not help against being denied.
	EXPECT_EQ(denial("[[allow]]\nclass = \"02\"\n[[deny]]\ndevice = \"03:00.0\"\n"),
		"policy-denied");
}

TEST_F(PolicyFile, another_file_cannot_permit_what_one_forbids)
{
	Policy policy;
	policy.add_file(write("[[deny]]\nclass = \"02\"\n", "a.toml"));
	policy.add_file(write("[[allow]]\nclass = \"02\"\n", "b.toml"));
	const auto device = PciDevices(tree.root()).read(*Sbdf::parse("03:00.0"));
	EXPECT_TRUE(policy.denial(device));
	Policy lists;
	lists.add_file(write("[[allow]]\nclass = \"02\"\n", "a.toml"));
	lists.add_file(write("[[allow]]\nclass = \"03\"\n", "b.toml"));
	EXPECT_TRUE(lists.denial(device));
}

TEST_F(PolicyFile, a_file_with_a_mistake_leaves_the_policy_as_it_was)
{
	Policy policy;
	policy.add_file(write("[[deny]]\nclass = \"03\"\n", "a.toml"));
	const auto bad = write("[[deny]]\nclass = \"02\"\n[[deny]]\nclas = \"02\"\n", "b.toml");
	EXPECT_EQ(error_of([&] { return policy.add_file(bad), 0; }).exit, 2);
	EXPECT_EQ(policy.nr_rules(), 1U);
}

TEST_F(PolicyFile, a_denied_device_is_refused_whatever_the_flags)
{
	const auto file = write("[[deny]]\nclass = \"02\"\nreason = \"the NIC of this host\"\n");
	const auto config = "--config=" + file;
	const auto text = fmt::format(
		"xen-iomemgrant: error: 0000:03:00.0 is denied by {}:1 (the NIC of this host) "
		"[policy-denied]\n"
		"hint: no --allow lifts this; see xen-iomemgrant.toml(5)\n",
		file);
	auto ran = run({"grant", "web1", "03:00.0/0", config,
		"--allow=driver-bound,dma-capable,msix-table,shared-page,"
		"critical-device,decode-off,overlap"});
	EXPECT_EQ(ran.status, 4);
	EXPECT_EQ(ran.err, text);
	EXPECT_TRUE(granted.empty());
	EXPECT_EQ(run({"grant", "web1", "03:00.0/0", config, "--dry-run", "--no-wait"}).err, text);
	ran = run({"check", "web1", "03:00.0/0", config, "--json"});
	EXPECT_EQ(ran.status, 4);
	const auto finding = Answer(ran.out)["regions"][0]["findings"][0];
	EXPECT_EQ(finding["code"], "policy-denied");
	EXPECT_EQ(finding["lifted"], false);
	EXPECT_EQ(finding["details"]["rule"], file + ":1");
	ran = run({"bars", config});
	EXPECT_EQ(ran.status, 0);
	EXPECT_NE(ran.out.find(fmt::format("  no: 0000:03:00.0 is denied by {}:1 (the NIC of this "
					   "host)\n",
			  file)),
		std::string::npos)
		<< ran.out;
}

TEST_F(PolicyFile, an_override_stands_for_the_option_and_for_nothing_else)
{
	tree.add("0000:04:00.0").memory(0, 0xfe100000, 0x4000).driver("i40e").command(6);
	const auto file =
		write("[[override]]\ndevice = \"04:00.0\"\nclasses = [\"driver-bound\"]\n");
	const auto config = "--config=" + file;
	EXPECT_EQ(run({"check", "web1", "04:00.0/0", config}).status, 6);
	EXPECT_EQ(run({"check", "web1", "04:00.0/0", config, "--allow=dma-capable"}).status, 0);
	EXPECT_EQ(run({"check", "web1", "04:00.0/0", "--allow=dma-capable"}).status, 6);
	EXPECT_EQ(run({"grant", "web1", "04:00.0/0", config, "--allow=dma-capable", "--no-wait"})
			  .status,
		0);
	ASSERT_EQ(granted.size(), 1U);
	EXPECT_EQ(granted[0].allow.names(),
		(std::vector<std::string>{"driver-bound", "dma-capable"}));
	EXPECT_NE(run({"bars", "04:00.0", config})
			  .out.find("needs --allow=dma-capable; policy overrides driver-bound\n"),
		std::string::npos);
}

TEST_F(PolicyFile, a_mistake_stands_in_the_way_of_granting_but_not_of_revoking)
{
	const auto config = "--config=" + write("deni = 1\n");
	for (const auto* verb : {"grant", "check"})
		EXPECT_EQ(run({verb, "web1", "03:00.0/0", config}).status, 2) << verb;
	EXPECT_EQ(run({"bars", config}).status, 2);
	EXPECT_EQ(run({"list", config}).status, 0);
	EXPECT_EQ(run({"revoke", "--all", config}).status, 0);
}
