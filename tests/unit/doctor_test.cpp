// SPDX-License-Identifier: GPL-2.0-or-later
// Each layer is broken in turn, and only that layer is reported.
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fake/fake_machine.h"
#include "pci_tree.h"

using namespace iomemgrant;

namespace
{

class Doctor : public testing::Test
{
protected:
	/// Layers with a problem, and for each its line without the layer's name.
	std::map<std::string, std::string> problems()
	{
		std::map<std::string, std::string> found;
		const auto ran = run_on(machine, {"doctor", "-q"});
		std::istringstream lines(ran.out);
		std::string line;
		while (std::getline(lines, line)) {
			EXPECT_TRUE(line.starts_with("problem  ")) << line;
			auto rest = line.substr(9);
			const auto end = rest.find(' ');
			found[rest.substr(0, end)] = rest.substr(rest.find_first_not_of(' ', end));
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
		"ok       permissions  CAP_SYS_RAWIO, kernel not locked down\n"
		"ok       xen          version 4.17.5\n"
		"ok       module       API version 1, 0 grants, 0 of 8192 references, at most 1024 "
		"pages each\n"
		"ok       devices      devtmpfs on /dev, udev runs\n"
		"ok       hypervisor   Xen can grant device memory\n"
		"ok       xenstore     xenstored answers\n"
		"ok       grant-table  version 1, 11 of 64 frames in use\n"
		"ok       iommu        absent: a device that does DMA reaches all memory\n"
		"ok       policy       no /etc/xen/iomemgrant.toml: nothing is denied\n");
}

TEST_F(Doctor, json_has_the_same_layers)
{
	machine.facts.raw_io = false;
	const auto ran = run_on(machine, {"doctor", "--json"});
	EXPECT_EQ(ran.status, 9);
	const auto document = Json::parse(ran.out);
	EXPECT_EQ(document["schema"], "xen-iomemgrant/doctor/1");
	EXPECT_EQ(document["ok"], false);
	EXPECT_EQ(document["layers"].size(), 10U);
	EXPECT_EQ(
		document["layers"][1], (Json{{"layer", "permissions"}, {"ok", false},
					       {"text", "this user has no CAP_SYS_RAWIO"},
					       {"remedy", "run as root"}, {"code", "permission"}}));
	EXPECT_TRUE(document["layers"][0]["remedy"].is_null());
}

TEST_F(Doctor, not_the_control_domain)
{
	machine.no_control = Error(kind::not_dom0, "not running as a Xen control domain");
	EXPECT_EQ(problems(), (Problems{{"domain", "not running as a Xen control domain"}}));
}

TEST_F(Doctor, no_privilege_and_a_kernel_that_is_locked_down)
{
	machine.facts.raw_io = false;
	EXPECT_EQ(problems(),
		(Problems{{"permissions", "this user has no CAP_SYS_RAWIO; remedy: run as root"}}));
	machine.facts.raw_io = true;
	machine.facts.lockdown = "integrity";
	EXPECT_EQ(problems(),
		(Problems{{"permissions",
			"the kernel is locked down (integrity) and grants no device memory; "
			"remedy: "
			"boot dom0 with lockdown=none, which Secure Boot may have to allow"}}));
	machine.facts.lockdown = "";
	EXPECT_EQ(problems(), Problems{});
}

TEST_F(Doctor, no_module_no_node_and_another_release)
{
	machine.no_device = Error(kind::no_module, "/dev/xen/iomemgrant is missing",
		"modprobe xen_iomemgrant (package xen-iomemgrant-dkms)");
	EXPECT_EQ(problems().at("module"),
		"/dev/xen/iomemgrant is missing; remedy: modprobe xen_iomemgrant (package "
		"xen-iomemgrant-dkms)");
	EXPECT_FALSE(problems().contains("devices"));
	machine.facts.module_node = false;
	machine.facts.devtmpfs = false;
	EXPECT_EQ(problems().at("devices"),
		"the module is loaded, but /dev/xen/iomemgrant is missing; remedy: mount -t "
		"devtmpfs devtmpfs /dev");
	machine.no_device.reset();
	machine.facts.module_node = true;
	machine.grants.facts.api_version = 2;
	EXPECT_EQ(problems(),
		(Problems{
			{"module", "the module has API version 2, this program wants 1; remedy: "
				   "install the module and the program of one release, and load it "
				   "again"}}));
}

TEST_F(Doctor, a_xen_without_the_patch_and_one_that_was_told_not_to)
{
	machine.grants.facts.hypervisor_support = false;
	EXPECT_EQ(
		problems(), (Problems{{"hypervisor", "Xen does not know GNTMAP_iomem_map; remedy: "
						     "install the patched Xen and reboot"}}));
	machine.xen.facts.command_line = "console=com1 gnttab=max-ver:2,iomem:off loglvl=all";
	EXPECT_EQ(problems(),
		(Problems{{"hypervisor", "Xen was booted with gnttab=iomem:off; remedy: take "
					 "iomem:off from Xen's command line and reboot"}}));
	machine.grants.facts.can_grant = false;
	EXPECT_EQ(problems().at("hypervisor"),
		"the module says that this is not the hardware domain; remedy: run this in dom0");
}

TEST_F(Doctor, no_xenstore_and_one_that_was_not_set_up)
{
	machine.no_store = Error(kind::no_xenstore, "cannot reach xenstored",
		"systemctl start xenstored (or check that it still runs)");
	EXPECT_EQ(problems(),
		(Problems{{"xenstore", "cannot reach xenstored; remedy: systemctl start xenstored "
				       "(or check that it still runs)"}}));
	machine.no_store.reset();
	machine.xs.nodes.clear();
	EXPECT_EQ(problems(),
		(Problems{{"xenstore", "/local/domain/0 has no name; remedy: run xen-init-dom0"}}));
}

TEST_F(Doctor, no_hypercalls)
{
	machine.no_hypervisor = Error(kind::not_xen, "no hypercalls", "modprobe xen-privcmd");
	const auto found = problems();
	EXPECT_EQ(found.at("xen"), "no hypercalls; remedy: modprobe xen-privcmd");
	EXPECT_FALSE(found.contains("module"));
	EXPECT_FALSE(found.contains("xenstore"));
	EXPECT_FALSE(found.contains("policy"));
}

TEST_F(Doctor, a_full_grant_table)
{
	machine.xen.table = {60, 64};
	EXPECT_EQ(problems(),
		(Problems{{"grant-table", "version 1, 60 of 64 frames in use: no room for more "
					  "grants; remedy: boot Xen with gnttab_max_frames=128"}}));
}

TEST_F(Doctor, a_bad_policy)
{
	const auto file = (tree.root() / "policy.toml").string();
	std::ofstream(file) << "[[deny]]\nclas = \"01\"\n";
	machine.policy_files = {file};
	EXPECT_EQ(problems(),
		(Problems{{"policy", file + ":2:1: unknown key 'clas'; remedy: known here: device, "
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
	EXPECT_EQ(facts.lockdown, "");
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
	EXPECT_EQ(facts.lockdown, "integrity");
	file("proc/self/status", "CapEff:\t000001fffffdffff\n");
	EXPECT_FALSE(SystemFacts::read(root).raw_io);
}
