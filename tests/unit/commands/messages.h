// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef MESSAGES_H
#define MESSAGES_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lib/publication/publication.h"
#include "tests/fake/fake_machine.h"
#include "tests/unit/support/answer.h"
#include "tests/unit/support/pci_tree.h"

namespace iomemgrant
{

using Arguments = std::vector<std::string>;

/// A dom0 with a device for every mistake.
class Messages : public testing::Test
{
protected:
	Messages()
	{
		tree.add("0000:03:00.0")
			.memory(0, 0xfe000000, 0x4000)
			.memory64(2, 0xdd000000, 0x8000)
			.io(4, 0xc000, 32);
		tree.add("0000:04:00.0").unassigned(2, 0x4000);
		tree.add("0000:05:00.0")
			.memory64(2, 0xdd100000, 0x8000)
			.msix(64, 2, 0x7000, 2, 0x7800);
		tree.add("0000:06:00.0").memory(0, 0xfe010000, 0x1000).driver("i40e");
		tree.add("0000:07:00.0").memory(0, 0xfe020000, 0x1000).command(6);
		tree.add("0000:08:00.0")
			.memory(0, 0xfe030000, 0x1000)
			.file("power_state", "D3hot\n");
		tree.add("0000:09:00.0").memory(0, 0xfee00000, 0x1000);
		tree.add("0000:0a:00.0").memory64(0, 0x400000000, 16ULL << 30);
		tree.add("0000:0b:00.0").memory64(0, 0x180000000000, 0x4000);
		tree.add("0000:0c:00.0").memory(0, 0xfe040000, 0x4000).class_code(0x060400);
		tree.add("0000:0d:00.0")
			.memory(0, 0xc0000000, 0x2000)
			.class_code(0x030000)
			.id(0x10de, 0x2f04);
		tree.add("0000:00:1f.2").memory(5, 0xfebd9000, 0x100);
		tree.add("0000:00:1f.3").memory(0, 0xfebd9400, 0x100);
	}

	DomainInfo& web1() { return machine->xen.list.at(1); }

	void expect(const Arguments& arguments, const char* message, const char* slug,
		const char* hint, int exit)
	{
		SCOPED_TRACE(message);
		const auto text = fmt::format("xen-iomemgrant: error: {} [{}]\n{}", message, slug,
			*hint ? fmt::format("hint: {}\n", hint) : "");
		auto before = machine->xs.nodes;
		auto ran = run_on(*machine, arguments);
		EXPECT_EQ(ran.status, exit);
		EXPECT_EQ(ran.out, "");
		EXPECT_EQ(ran.err, text);

		auto with_json = arguments;
		with_json.push_back("--json");
		ran = run_on(*machine, with_json);
		EXPECT_EQ(ran.status, exit);
		EXPECT_EQ(ran.err, text);
		const auto document = Answer(ran.out);
		EXPECT_EQ(document["schema"], "xen-iomemgrant/error/1");
		EXPECT_EQ(document["ok"], false);
		EXPECT_EQ(document["changed"], false);
		const auto& error = document["error"];
		EXPECT_EQ(error["code"], slug);
		EXPECT_EQ(error["exit"], exit);
		EXPECT_EQ(error["message"], message);
		if (*hint)
			EXPECT_EQ(error["hint"], hint);
		else
			EXPECT_TRUE(error["hint"].is_null());
		EXPECT_TRUE(error["details"].is_object());
		EXPECT_EQ(machine->xs.nodes, before);
	}

	/// A refusal of a grant of @region to web1, which must leave nothing granted.
	void refused(const char* region, const char* message, const char* slug, const char* hint,
		int exit, const Arguments& more = {})
	{
		const auto before = machine->grants.grants.size();
		Arguments arguments{"grant", "web1", region};
		arguments.insert(arguments.end(), more.begin(), more.end());
		expect(arguments, message, slug, hint, exit);
		EXPECT_EQ(machine->grants.grants.size(), before);
	}

	/// From here on web1 maps what it is offered.
	void guest_maps()
	{
		machine->xs.guest = [this](FakeXenStore& xs) {
			for (auto& grant : machine->grants.grants) {
				const PublicationPath path(Domid(0), grant.domid, grant.id);
				xs.write(path.frontend("state"), "4");
				grant.nr_mapped = grant.refs.count;
			}
		};
	}

	PciTree tree;
	std::unique_ptr<FakeMachine> machine_ = std::make_unique<FakeMachine>(tree.root());
	FakeMachine* machine = machine_.get();
};

} // namespace iomemgrant

#endif
