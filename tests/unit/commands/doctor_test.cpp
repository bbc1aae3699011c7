// SPDX-License-Identifier: GPL-2.0-or-later
// Each layer is broken in turn, and only that layer is reported.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

class Doctor : public testing::Test
{
protected:
	/// Layers with a problem, and for each its lines without the layer's name and indentation.
	std::map<std::string, std::string> problems()
	{
		std::map<std::string, std::string> found;
		const auto ran = run_on(machine, {"doctor", "-q"});
		std::istringstream lines(ran.out);
		std::string line, layer;
		while (std::getline(lines, line)) {
			if (const auto hint = std::string(22, ' ') + "hint: ";
				line.starts_with(hint)) {
				found[layer] += "\n" + line.substr(22);
				continue;
			}
			EXPECT_TRUE(line.starts_with("problem  ")) << line;
			auto rest = line.substr(9);
			const auto end = rest.find(' ');
			layer = rest.substr(0, end);
			found[layer] = rest.substr(rest.find_first_not_of(' ', end));
		}
		EXPECT_EQ(ran.status, found.empty() ? 0 : 9);
		return found;
	}
	using Problems = std::map<std::string, std::string>;

	PciTree tree;
	FakeMachine machine{tree.root()};
};

} // namespace

TEST_F(Doctor, a_healthy_machine_is_healthy)
{
	const auto ran = run_on(machine, {"doctor"});
	EXPECT_EQ(ran.status, 0);
	EXPECT_EQ(ran.out,
		"ok       domain       control domain, pv\n"
		"ok       permissions  CAP_SYS_RAWIO\n"
		"ok       lockdown     the kernel is not locked down\n"
		"ok       xen          version 4.17.5\n"
		"ok       devices      devtmpfs on /dev, udev runs\n"
		"ok       module       API version 1, 0 grants, 0 of 8192 references, at most 1024 "
		"pages each\n"
		"ok       hypervisor   Xen can grant device memory\n"
		"ok       xenstore     xenstored answers\n"
		"ok       grant-table  version 1, 11 of 64 frames in use\n"
		"ok       grants       none in force\n"
		"ok       iommu        absent: a device that does DMA reaches all memory\n"
		"ok       policy       no /etc/xen/iomemgrant.toml: nothing is denied\n");
}

TEST_F(Doctor, json_has_the_same_layers)
{
	machine.facts.raw_io = false;
	const auto ran = run_on(machine, {"doctor", "--json"});
	EXPECT_EQ(ran.status, 9);
	const auto document = Answer(ran.out);
	EXPECT_EQ(document["checks"][3], Answer(R"({"name": "xen", "verdict": "unchecked",
			"ok": false, "checked": false, "message": "not checked, because of permissions",
			"remedy": null, "code": null})"));
	EXPECT_EQ(document["schema"], "xen-iomemgrant/doctor/1");
	EXPECT_EQ(document["ok"], false);
	EXPECT_EQ(document["checks"].size(), 12U);
	EXPECT_EQ(document["checks"][1],
		Answer(R"({"name": "permissions", "verdict": "problem", "ok": false, "checked": true,
			"message": "this user has no CAP_SYS_RAWIO", "remedy": "run as root",
			"code": "permission"})"));
	EXPECT_TRUE(document["checks"][0]["remedy"].is_null());
}

TEST_F(Doctor, not_the_control_domain)
{
	machine.no_control = Error(kind::not_dom0, "not running as a Xen control domain");
	EXPECT_EQ(problems(), (Problems{{"domain", "not running as a Xen control domain"}}));
}

TEST_F(Doctor, no_privilege)
{
	machine.facts.raw_io = false;
	EXPECT_EQ(problems(),
		(Problems{{"permissions", "this user has no CAP_SYS_RAWIO\nhint: run as root"}}));
}

TEST_F(Doctor, a_kernel_that_is_locked_down_is_told_with_the_reason)
{
	machine.facts.lockdown = {"integrity", Lockdown::Cause::secure_boot};
	EXPECT_EQ(problems(),
		(Problems{{"lockdown",
			"the kernel is locked down (integrity), because Secure Boot is on, and "
			"grants no device memory\nhint: switch Secure Boot off in the firmware's "
			"setup and reboot"}}));
	machine.facts.lockdown.cause = Lockdown::Cause::command_line;
	EXPECT_EQ(problems().at("lockdown"),
		"the kernel is locked down (integrity), by lockdown=integrity on its command line, "
		"and grants no device memory\nhint: take lockdown=integrity off the kernel's "
		"command line and reboot");
	machine.facts.lockdown.cause = Lockdown::Cause::unknown;
	EXPECT_EQ(problems().at("lockdown"),
		"the kernel is locked down (integrity) and grants no device memory\nhint: reboot "
		"without Secure Boot and without lockdown= on the kernel's command line");
}

TEST_F(Doctor, one_cause_is_told_once_and_what_stands_on_it_is_not_checked)
{
	// As any user finds it on a machine without Xen.
	machine.facts = {};
	machine.no_control = not_control_domain(machine.facts);
	machine.no_hypervisor = Error(kind::not_xen, "no hypercalls", "modprobe xen-privcmd");
	machine.no_device = Error(kind::no_module, "/dev/xen/iomemgrant is missing");
	machine.no_store = Error(kind::no_xenstore, "cannot reach xenstored");
	const auto ran = run_on(machine, {"doctor"});
	EXPECT_EQ(ran.status, 9);
	EXPECT_EQ(ran.out, "problem  domain       this machine does not run under Xen\n"
			   "                      hint: install Xen "
			   "(Debian: apt install xen-system-amd64) and boot with it\n"
			   "problem  permissions  this user has no CAP_SYS_RAWIO\n"
			   "                      hint: run as root\n"
			   "ok       lockdown     the kernel is not locked down\n"
			   "ok       devices      devtmpfs not on /dev, udev does not run\n"
			   "ok       policy       no /etc/xen/iomemgrant.toml: nothing is denied\n"
			   "-        domain       not checked: xen, module, hypervisor, xenstore, "
			   "grant-table, grants, iommu\n");
}

TEST_F(Doctor, no_module_no_node_and_another_release)
{
	machine.no_device =
		Error(kind::no_module, "/dev/xen/iomemgrant is missing", "modprobe xen_iomemgrant");
	EXPECT_EQ(problems(),
		(Problems{{"module",
			"/dev/xen/iomemgrant is missing\nhint: modprobe xen_iomemgrant"}}));
	machine.facts.module_node = false;
	machine.facts.devtmpfs = false;
	EXPECT_EQ(problems(),
		(Problems{{"devices",
			"the module is loaded, but /dev/xen/iomemgrant is missing\nhint: mount "
			"-t devtmpfs devtmpfs /dev"}}));
	machine.no_device.reset();
	machine.facts.module_node = true;
	machine.grants.facts.api_version = 2;
	EXPECT_EQ(problems(),
		(Problems{
			{"module", "the module has API version 2, this program wants 1\nhint: "
				   "install the module and the program of one release, and load it "
				   "again"}}));
}

TEST_F(Doctor, a_xen_without_the_patch_and_one_that_was_told_not_to)
{
	machine.grants.facts.hypervisor_support = false;
	EXPECT_EQ(problems(), (Problems{{"hypervisor", "Xen does not know GNTMAP_iomem_map\nhint: "
						       "install the patched Xen and reboot"}}));
	machine.xen.facts.command_line = "console=com1 gnttab=max-ver:2,iomem:off loglvl=all";
	EXPECT_EQ(problems(),
		(Problems{{"hypervisor", "Xen was booted with gnttab=iomem:off\nhint: take "
					 "iomem:off from Xen's command line and reboot"}}));
	machine.grants.facts.can_grant = false;
	EXPECT_EQ(problems().at("hypervisor"),
		"the module says that this is not the hardware domain\nhint: run this in dom0");
}

TEST_F(Doctor, no_xenstore_and_one_that_was_not_set_up)
{
	machine.no_store = Error(kind::no_xenstore, "cannot reach xenstored",
		"systemctl restart xen, or /etc/init.d/xen start");
	EXPECT_EQ(problems(),
		(Problems{{"xenstore", "cannot reach xenstored\nhint: systemctl restart xen, "
				       "or /etc/init.d/xen start"}}));
	machine.no_store.reset();
	machine.xs.nodes.clear();
	EXPECT_EQ(problems(),
		(Problems{{"xenstore", "/local/domain/0 has no name\nhint: run xen-init-dom0"}}));
}

TEST_F(Doctor, no_hypercalls)
{
	machine.no_hypervisor = Error(kind::not_xen, "no hypercalls", "modprobe xen-privcmd");
	EXPECT_EQ(problems(), (Problems{{"xen", "no hypercalls\nhint: modprobe xen-privcmd"}}));
}

TEST_F(Doctor, a_full_grant_table)
{
	machine.xen.table = {60, 64};
	EXPECT_EQ(problems(),
		(Problems{{"grant-table", "version 1, 60 of 64 frames in use: no room for more "
					  "grants\nhint: boot Xen with gnttab_max_frames=128"}}));
}

TEST_F(Doctor, devices_that_changed_under_their_grants)
{
	tree.add("0000:03:00.0").memory64(2, 0xdd000000, 0x8000).command(4);
	tree.add("0000:04:00.0").memory(0, 0xfe000000, 0x1000);
	machine.grants.grant({Domid(5), {*Sbdf::parse("03:00.0"), 2, 0, 0x1000}});
	machine.grants.grant({Domid(5), {*Sbdf::parse("03:00.0"), 2, 0x1000, 0x1000}});
	machine.grants.grant({Domid(5), {*Sbdf::parse("04:00.0"), 0, 0, 0x1000}});
	EXPECT_EQ(problems(), Problems());

	// The guest of an ending grant may map it again: that is not the device's doing.
	for (auto& grant : machine.grants.grants)
		grant.changes.mappable = true;
	EXPECT_EQ(problems(), Problems());

	for (int i = 0; i < 2; i++)
		machine.grants.grants.at(i).changes = {.bus_master = true, .decode_off = true};
	machine.grants.grants.at(2).changes.bar_register = true;
	EXPECT_EQ(problems(),
		(Problems{{"grants",
			"0000:03:00.0 (g17, g18): bus mastering is on, memory decoding is off; "
			"0000:04:00.0 (g19): the BAR's register has another address\nhint: "
			"setpci -s 0000:03:00.0 COMMAND=0:4; setpci -s 0000:03:00.0 COMMAND=2:2; "
			"echo 1 > /sys/bus/pci/devices/0000:04:00.0/remove; "
			"echo 1 > /sys/bus/pci/rescan"}}));
	const auto ran = run_on(machine, {"doctor", "--json"});
	EXPECT_EQ(Answer(ran.out)["checks"][9]["code"], "dma-capable");
}

TEST_F(Doctor, a_device_that_went_to_sleep_under_a_grant)
{
	tree.add("0000:03:00.0").memory64(2, 0xdd000000, 0x8000).file("power_state", "D3hot\n");
	machine.grants.grant({Domid(5), {*Sbdf::parse("03:00.0"), 2, 0, 0x1000}});
	machine.grants.grants.front().changes.not_d0 = true;
	EXPECT_EQ(problems(),
		(Problems{{"grants", "0000:03:00.0 (g17): the device sleeps\nhint: echo on > "
				     "/sys/bus/pci/devices/0000:03:00.0/power/control"}}));
}

TEST_F(Doctor, a_bad_policy)
{
	const auto file = (tree.root() / "policy.toml").string();
	std::ofstream(file) << "[[deny]]\nclas = \"01\"\n";
	machine.policy_files = {file};
	EXPECT_EQ(problems(),
		(Problems{{"policy", file + ":2:1: unknown key 'clas'\nhint: known here: device, "
					    "id, class, reason"}}));
}

TEST(SystemFactsTest, are_read_from_proc_and_sys)
{
	const PciTree tree;
	const auto root = tree.root();
	const auto file = [&](const char* name, const char* text) {
		std::filesystem::create_directories((root / name).parent_path());
		std::ofstream(root / name) << text;
	};
	auto facts = SystemFacts::read(root);
	EXPECT_FALSE(facts.raw_io || facts.module_loaded || facts.module_node || facts.devtmpfs ||
		     facts.udev);
	EXPECT_FALSE(facts.lockdown.active() || facts.control_domain || facts.xenfs);
	EXPECT_EQ(facts.guest_type, "");
	file("proc/self/status",
		"Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t0000000000020000\n");
	file("proc/self/mounts", "none /proc proc rw 0 0\ndevtmpfs /dev devtmpfs rw 0 0\n");
	file("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	file("sys/module/xen_iomemgrant/version", "1\n");
	file("dev/xen/iomemgrant", "");
	file("run/udev/control", "");
	facts = SystemFacts::read(root);
	EXPECT_TRUE(facts.raw_io && facts.module_loaded && facts.module_node && facts.devtmpfs &&
		    facts.udev);
	EXPECT_EQ(facts.lockdown, (Lockdown{"integrity", Lockdown::Cause::unknown}));
	file("proc/self/status", "CapEff:\t000001fffffdffff\n");
	EXPECT_FALSE(SystemFacts::read(root).raw_io);
}

TEST(SystemFactsTest, tell_why_a_machine_is_no_control_domain)
{
	const PciTree tree;
	const auto file = [&](const char* name, const char* text) {
		std::filesystem::create_directories((tree.root() / name).parent_path());
		std::ofstream(tree.root() / name) << text;
		return SystemFacts::read(tree.root());
	};
	EXPECT_STREQ(not_control_domain(SystemFacts::read(tree.root())).what(),
		"this machine does not run under Xen");
	file("sys/hypervisor/type", "xen\n");
	auto facts = file("sys/hypervisor/guest_type", "PVH\n");
	EXPECT_EQ(facts.guest_type, "pvh");
	EXPECT_EQ(not_control_domain(facts).hint(), "mount -t xenfs xenfs /proc/xen");
	facts = file("proc/xen/capabilities", "\n");
	EXPECT_FALSE(facts.control_domain);
	EXPECT_STREQ(not_control_domain(facts).what(),
		"not running as a Xen control domain (/proc/xen/capabilities lacks control_d)");
	EXPECT_TRUE(file("proc/xen/capabilities", "control_d\n").control_domain);
}

TEST(LockdownTest, knows_the_level_and_the_cause)
{
	const PciTree tree;
	const auto file = [&](const char* name, const std::string& text) {
		std::filesystem::create_directories((tree.root() / name).parent_path());
		std::ofstream(tree.root() / name, std::ios::binary) << text;
		return Lockdown::read(tree.root() / "sys", tree.root() / "proc");
	};
	constexpr auto variable =
		"sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	EXPECT_FALSE(file("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
			     .active());
	EXPECT_EQ(file("sys/kernel/security/lockdown", "none integrity [confidentiality]\n"),
		(Lockdown{"confidentiality", Lockdown::Cause::unknown}));
	EXPECT_EQ(file(variable, std::string("\6\0\0\0\0", 5)).cause, Lockdown::Cause::unknown);
	EXPECT_EQ(file(variable, std::string("\6\0\0\0\1", 5)).cause, Lockdown::Cause::secure_boot);
	EXPECT_EQ(file("proc/cmdline", "quiet lockdown=confidentiality\n").cause,
		Lockdown::Cause::command_line);
}
