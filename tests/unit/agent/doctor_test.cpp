// SPDX-License-Identifier: GPL-2.0-or-later
#include <cerrno>

#include <gtest/gtest.h>

#include "cmd/xen-iomemagent/mapping.h"
#include "tests/unit/agent/guest.h"
#include "tests/unit/support/answer.h"

namespace iomemgrant::agent
{

TEST(Doctor, finds_a_healthy_guest_healthy)
{
	Guest guest;
	guest.with_grant();
	guest.with_file("dev/xen/iomem/by-label/nic-doorbell", "");
	const auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.out, "ok       xen          version 4.17.5\n"
			   "ok       domain       guest, pvh\n"
			   "ok       module       API version 1, at most 1024 pages each\n"
			   "ok       lockdown     the kernel is not locked down\n"
			   "ok       hypervisor   Xen can map granted device memory\n"
			   "ok       driver       devices of kind iomem are taken up\n"
			   "ok       g17          mapped as /dev/xen/iomem/17\n");
}

TEST(Doctor, tells_one_cause_once)
{
	Guest guest;
	auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_EQ(ran.out,
		"problem  xen          this machine does not run under Xen\n"
		"-        xen          not checked: domain, module, lockdown, hypervisor, "
		"driver\n");
	guest.with_module();
	std::filesystem::remove_all(guest.root() / "sys/module");
	ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_EQ(ran.out, "ok       xen          version 4.17.5\n"
			   "ok       domain       guest, pvh\n"
			   "problem  module       the module xen_iomemgrant is not loaded\n"
			   "                      hint: modprobe xen_iomemgrant\n"
			   "ok       lockdown     the kernel is not locked down\n"
			   "-        module       not checked: hypervisor, driver\n");
	EXPECT_EQ(guest.run({"doctor", "-q"}).out,
		"problem  module       the module xen_iomemgrant is not loaded\n"
		"                      hint: modprobe xen_iomemgrant\n");
}

TEST(Doctor, names_lockdown_and_why_the_kernel_is_in_it)
{
	Guest guest;
	guest.with_grant();
	guest.with_file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	guest.with_file("proc/cmdline", "root=/dev/xvda1 lockdown=integrity\n");
	auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_NE(
		ran.out.find("problem  lockdown     the kernel is locked down (integrity), by "
			     "lockdown=integrity on its command line, and lets no program reach "
			     "device memory\n"
			     "                      hint: take lockdown=integrity off the kernel's "
			     "command line and reboot\n"),
		std::string::npos)
		<< ran.out;
	// Nor is a command started that could not map the node.
	ran = guest.run({"map", "g17", "--exec", "true"});
	EXPECT_EQ(ran.status, 4);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: /dev/xen/iomem/17: the kernel is locked down "
			   "(integrity), by lockdown=integrity on its command line, and lets no "
			   "program reach device memory [permission]\n"
			   "hint: take lockdown=integrity off the kernel's command line and "
			   "reboot\n");
	// Where the kernel does not tell, the module does.
	guest.with_file("sys/kernel/security/lockdown", "");
	guest.world.module_info = [] {
		ModuleInfo info;
		info.api_version = 1;
		info.locked_down = true;
		return info;
	};
	EXPECT_NE(guest.run({"doctor"}).out.find("problem  lockdown"), std::string::npos);
}

TEST(Mapping, a_refusal_by_lockdown_is_not_taken_for_a_missing_privilege)
{
	MappedGrant grant;
	grant.node = "/dev/xen/iomem/17";
	const Lockdown lockdown{"integrity", Lockdown::Cause::secure_boot};
	EXPECT_STREQ(cannot_open(EPERM, grant, lockdown).what(),
		"/dev/xen/iomem/17: the kernel is locked down (integrity), because Secure Boot is "
		"on, and lets no program reach device memory");
	EXPECT_EQ(cannot_open(EPERM, grant, Lockdown()).hint(), "run as root");
	EXPECT_EQ(cannot_open(EACCES, grant, lockdown).hint(), "run as root");
}

TEST(Doctor, tells_that_the_hypervisor_is_too_old)
{
	Guest guest;
	guest.with_module();
	guest.world.module_info = [] { return ModuleInfo{.api_version = 1}; };
	const auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_NE(ran.out.find("problem  hypervisor   Xen does not know GNTMAP_iomem_map\n"
			       "                      hint: the host needs a hypervisor with "
			       "xen-iomemgrant's patches\n"),
		std::string::npos)
		<< ran.out;
}

TEST(Doctor, tells_that_module_and_program_are_of_different_releases)
{
	Guest guest;
	guest.with_module();
	guest.world.module_info = [] { return ModuleInfo{.api_version = 2}; };
	const auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_NE(ran.out.find(
			  "problem  module       the module has API version 2, this program "
			  "wants 1\n"
			  "                      hint: install the module and the program of one "
			  "release, and load it again\n"),
		std::string::npos)
		<< ran.out;
}

TEST(Doctor, asks_for_root_when_it_may_not_ask_the_module)
{
	Guest guest;
	guest.with_module();
	guest.world.module_info = []() -> ModuleInfo {
		throw Error::from_errno(EACCES, "open /dev/xen/iomemgrant");
	};
	const auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_NE(ran.out.find("problem  module       open /dev/xen/iomemgrant: Permission denied\n"
			       "                      hint: run as root\n"),
		std::string::npos)
		<< ran.out;
}

TEST(Doctor, sends_the_control_domain_to_the_other_program)
{
	Guest guest;
	guest.with_module().with_file("proc/xen/capabilities", "control_d\n");
	const auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_NE(ran.out.find(
			  "problem  domain       this is the control domain, which grants and does "
			  "not map\n"
			  "                      hint: xen-iomemgrant doctor\n"),
		std::string::npos)
		<< ran.out;
}

TEST(Doctor, tells_of_a_grant_that_is_published_but_not_mapped)
{
	Guest guest;
	guest.with_grant();
	guest.with_file("sys/bus/xen/devices/iomem-17/nodename", "device/iomem/17\n");
	guest.with_file("sys/bus/xen/devices/iomem-18/nodename", "device/iomem/18\n");
	guest.with_file("sys/bus/xen/devices/vif-0/nodename", "device/vif/0\n");
	const auto json = Answer(guest.run({"-j", "doctor"}).out);
	EXPECT_EQ(json["ok"], false);
	EXPECT_EQ(json["checks"].items().back(), Answer(R"({"name": "g18", "verdict": "problem",
			"ok": false, "checked": true, "message": "published for this guest, but not mapped",
			"remedy": "dmesg | grep iomem", "code": "guest-error"})"));
}

TEST(Doctor, a_missing_link_is_no_problem_and_a_missing_node_is)
{
	Guest guest;
	guest.with_grant();
	EXPECT_EQ(guest.run({"doctor"}).status, 0);
	std::filesystem::remove(guest.node("17"));
	const auto ran = guest.run({"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_NE(ran.out.find("problem  g17          mapped, but /dev/xen/iomem/17 is missing\n"),
		std::string::npos)
		<< ran.out;
}

TEST(Doctor, tells_what_changed_under_a_grant_in_the_words_of_the_control_domain)
{
	Guest guest;
	guest.with_grant();
	guest.with_map(0, MapFiles().with("changes", "bus-master,decode-off"));
	guest.with_file("dev/xen/iomem/by-label/nic-doorbell", "");
	const auto ran = guest.run({"doctor", "-q"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_EQ(ran.out,
		"problem  g17          bus mastering is on, memory decoding is off\n"
		"                      hint: xen-iomemgrant doctor in the control domain names the "
		"remedy\n");
	EXPECT_EQ(Answer(guest.run({"-j", "doctor"}).out)["checks"].items().back()["code"],
		"dma-capable");
	// A node that is missing is told as well.
	std::filesystem::remove(guest.node("17"));
	EXPECT_NE(guest.run({"doctor"})
			  .out.find("problem  g17          bus mastering is on, memory "
				    "decoding is off; mapped, but /dev/xen/iomem/17 "
				    "is missing\n"),
		std::string::npos);
}

TEST(Version, is_the_same_by_verb_and_by_option)
{
	const Guest guest;
	EXPECT_EQ(guest.run({"version"}).out, "xen-iomemagent 0.1.0\n");
	EXPECT_EQ(guest.run({"--version"}).out, "xen-iomemagent 0.1.0\n");
	EXPECT_EQ(guest.run({"-j", "version"}).out,
		R"({"schema":"xen-iomemagent/version/1","tool_version":"0.1.0","ok":true,)"
		R"("version":"0.1.0","protocol":1})"
		"\n");
}

TEST(Usage, help_needs_no_xen_and_names_every_verb)
{
	Guest guest;
	guest.world.module_info = []() -> ModuleInfo {
		throw std::logic_error("asked the module");
	};
	const auto ran = guest.run({"--help"});
	EXPECT_EQ(ran.status, 0);
	for (const auto* verb :
		{"list", "show", "wait", "read", "write", "dump", "map", "doctor", "version"}) {
		EXPECT_NE(ran.out.find(std::string("\n  ") + verb), std::string::npos) << verb;
		EXPECT_EQ(guest.run({verb, "--help"}).status, 0) << verb;
	}
}

TEST(Usage, names_the_mistake_in_text_and_json)
{
	const Guest guest;
	EXPECT_EQ(guest.run({}).status, 2);
	const auto ran = guest.run({"-j", "read", "g17"});
	EXPECT_EQ(ran.status, 2);
	EXPECT_EQ(ran.err, "xen-iomemagent: error: read needs OFF [usage]\n"
			   "hint: xen-iomemagent read --help\n");
	const auto json = Answer(ran.out);
	EXPECT_EQ(json["ok"], false);
	EXPECT_EQ(json["error"]["code"], "usage");
}

} // namespace iomemgrant::agent
