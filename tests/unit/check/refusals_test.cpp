// SPDX-License-Identifier: GPL-2.0-or-later
// What is refused whatever the words are: empty values, and each class by its own --allow only.
#include <string_view>
#include <utility>

#include "tests/unit/commands/messages.h"

using namespace iomemgrant;

TEST_F(Messages, a_value_that_is_empty_is_not_one_that_is_absent)
{
	guest_maps();
	ASSERT_EQ(run_on(*machine, {"grant", "web1", "03:00.0/0"}).status, 0);
	const std::pair<const char*, const char*> options[] = {
		{"list", "--domain"},
		{"list", "--device"},
		{"list", "--columns"},
		{"list", "--config"},
		{"revoke", "--domain"},
		{"revoke", "--device"},
		{"revoke", "--force"},
		{"monitor", "--domain"},
	};
	for (const auto& [verb, option] : options)
		expect({verb, option, ""}, fmt::format("{}: must not be empty", option).c_str(),
			"usage", fmt::format("xen-iomemgrant {} --help", verb).c_str(), 2);
	EXPECT_EQ(run_on(*machine, {"list", "--state", ""}).status, 2);
	for (const auto* option : {"--label", "--allow", "--cache", "--method"})
		EXPECT_EQ(run_on(*machine, {"grant", "web1", "03:00.0/2", option, ""}).status, 2)
			<< option;
	// The next argument is not its value.
	expect({"list", "--domain=", "web1"}, "--domain: must not be empty", "usage",
		"xen-iomemgrant list --help", 2);
	expect({"revoke", "--all", "--wait="}, "--wait: must not be empty", "usage",
		"xen-iomemgrant revoke --help", 2);
	for (const auto* verb : {"limits", "grant", "check"}) {
		Arguments arguments{verb, ""};
		if (verb != std::string_view("limits"))
			arguments.push_back("03:00.0/2");
		expect(arguments, "a domain name must not be empty or hold control characters",
			"bad-domain",
			"xl list shows the names; id: and uuid: name a domain as well", 2);
	}
	for (const Arguments& arguments :
		{Arguments{"show", ""}, {"revoke", ""}, {"wait", "", "--for=gone"}})
		expect(arguments, "'' is neither a grant id nor a label", "bad-grant-id",
			"a grant is named as 17, g17 or id:17, as LABEL or label:LABEL, or as "
			"GUEST/LABEL",
			2);
	EXPECT_EQ(run_on(*machine, {"bars", ""}).status, 2);
	EXPECT_EQ(machine->grants.grants.size(), 1U);
}

TEST_F(Messages, each_class_lifts_its_own_refusal_and_no_other)
{
	const std::pair<const char*, const char*> refusals[] = {
		{"00:1f.2/5", "shared-page"},
		{"06:00.0/0", "driver-bound"},
		{"07:00.0/0", "dma-capable"},
		{"08:00.0/0", "decode-off"},
		{"0c:00.0/0", "critical-device"},
		{"0d:00.0/0", "config-mirror"},
	};
	std::vector<std::string> classes = AllowSet::all().names();
	for (const auto& [region, slug] : refusals) {
		for (const auto& name : classes) {
			const auto status =
				run_on(*machine, {"check", "web1", region, "--allow=" + name})
					.status;
			EXPECT_EQ(status, name == slug ? 0 : 6) << region << " " << name;
		}
		machine->grants.grants.clear();
		const auto allow = std::string("--allow=") + slug;
		EXPECT_EQ(
			run_on(*machine, {"grant", "web1", region, allow, "--no-wait"}).status, 0);
		// The module is asked for this and nothing more.
		ASSERT_EQ(machine->grants.grants.size(), 1U);
		EXPECT_EQ(machine->grants.grants[0].allow.names(), std::vector<std::string>{slug});
	}
	for (const auto& name : classes) {
		EXPECT_EQ(
			run_on(*machine, {"check", "web1", "05:00.0/2", "--allow=" + name}).status,
			6);
		EXPECT_EQ(
			run_on(*machine, {"check", "web1", "09:00.0/0", "--allow=" + name}).status,
			6);
	}
}
