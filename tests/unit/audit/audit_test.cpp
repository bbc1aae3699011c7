// SPDX-License-Identifier: GPL-2.0-or-later
// The audit trail of grant: what is recorded, and in which words.
#include "lib/audit/audit.h"

#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cmd/xen-iomemgrant/commands.h"
#include "tests/unit/support/world.h"

using namespace iomemgrant;

namespace
{

class Audit : public testing::Test
{
protected:
	Audit()
	{
		world.guests_cooperate();
		world.audited = [this](const AuditEntry& entry) { trail.push_back(entry); };
	}

	int run(std::vector<std::string> arguments)
	{
		return run_command_line(
			arguments, world, [](std::string_view) {}, [](std::string_view) {}, false);
	}

	static std::string text(const AuditEntry& entry)
	{
		std::string lines;
		for (const auto& [key, value] : audit_fields(entry)) {
			if (key != "MESSAGE_ID")
				lines += fmt::format("{}={}\n", key, value);
		}
		return lines;
	}

	World world;
	std::vector<AuditEntry> trail;
};

} // namespace

TEST_F(Audit, a_grant_and_each_override_it_needed)
{
	world.tree.add("0000:03:00.0").memory64(2, 0xdd000000, 0x8000).command(6);
	EXPECT_EQ(
		run({"grant", "web1", "03:00.0/2@16K+8K", "--allow=dma-capable,driver-bound"}), 0);
	ASSERT_EQ(trail.size(), 2U);
	EXPECT_EQ(text(trail[0]),
		"MESSAGE=dma-capable is overridden: 0000:03:00.0 can do DMA (bus master "
		"on); write access may let web1 read and write all of dom0's memory\n"
		"RESULT=overridden\n"
		"XEN_DOMAIN=web1\n"
		"XEN_DOMID=5\n"
		"XEN_UUID=6f0c1d2e-0011-4000-8000-00163e000001\n"
		"PCI_BDF=0000:03:00.0\n"
		"IOMEM_RANGE=0000:03:00.0/2@0x4000+0x2000\n"
		"OVERRIDES=dma-capable\n");
	EXPECT_EQ(text(trail[1]), "MESSAGE=granted g17: 0000:03:00.0/2@0x4000+0x2000 to web1 (d5)\n"
				  "RESULT=granted\n"
				  "XEN_DOMAIN=web1\n"
				  "XEN_DOMID=5\n"
				  "XEN_UUID=6f0c1d2e-0011-4000-8000-00163e000001\n"
				  "PCI_BDF=0000:03:00.0\n"
				  "IOMEM_RANGE=0000:03:00.0/2@0x4000+0x2000\n"
				  "GRANT_ID=17\n"
				  "OVERRIDES=dma-capable\n");
}

TEST_F(Audit, a_refusal_names_the_slug)
{
	world.tree.add("0000:03:00.0").memory64(2, 0xdd000000, 0x8000).command(6);
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@16K+8K"}), 6);
	ASSERT_EQ(trail.size(), 1U);
	EXPECT_EQ(trail[0].event, AuditEvent::refused);
	EXPECT_EQ(trail[0].result, "dma-capable");
	EXPECT_EQ(trail[0].domain->name, "web1");
	EXPECT_EQ(run({"grant", "web9", "03:00.0/2"}), 3);
	ASSERT_EQ(trail.size(), 2U);
	EXPECT_EQ(text(trail[1]), "MESSAGE=refused 0000:03:00.0/2 to web9: no domain named 'web9'\n"
				  "RESULT=no-domain\n"
				  "PCI_BDF=0000:03:00.0\n"
				  "IOMEM_RANGE=0000:03:00.0/2@0x0\n");
}

TEST_F(Audit, a_grant_that_was_rolled_back_was_a_grant)
{
	world.guests_sleep();
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K"}), 8);
	ASSERT_EQ(trail.size(), 2U);
	EXPECT_EQ(trail[0].result, "granted");
	EXPECT_EQ(trail[0].grant, GrantId(17));
	EXPECT_EQ(text(trail[1]), "MESSAGE=took back 0000:03:00.0/2@0x0+0x1000 to web1 (d5): web1 "
				  "did not map g17 within "
				  "10s; grant withdrawn\n"
				  "RESULT=peer-timeout\n"
				  "XEN_DOMAIN=web1\n"
				  "XEN_DOMID=5\n"
				  "XEN_UUID=6f0c1d2e-0011-4000-8000-00163e000001\n"
				  "PCI_BDF=0000:03:00.0\n"
				  "IOMEM_RANGE=0000:03:00.0/2@0x0+0x1000\n"
				  "GRANT_ID=17\n");
}

TEST_F(Audit, a_grant_is_recorded_before_the_guest_is_told)
{
	std::size_t told_at = 0;
	world.store().interfere = [&](const std::string& request) {
		if (!told_at && request.starts_with("write /local/domain/0/backend/iomem"))
			told_at = trail.size();
	};
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K"}), 0);
	EXPECT_EQ(told_at, 1U);
	EXPECT_EQ(trail.size(), 1U);
}

TEST_F(Audit, a_label_that_a_grant_gets_later)
{
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K"}), 0);
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K", "--label=bell", "--dry-run"}), 0);
	EXPECT_EQ(trail.size(), 1U);
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K", "--label=bell"}), 0);
	ASSERT_EQ(trail.size(), 2U);
	EXPECT_EQ(text(trail[1]), "MESSAGE=labelled g17 of web1 (d5) 'bell'\n"
				  "RESULT=labelled\n"
				  "XEN_DOMAIN=web1\n"
				  "XEN_DOMID=5\n"
				  "XEN_UUID=6f0c1d2e-0011-4000-8000-00163e000001\n"
				  "PCI_BDF=0000:03:00.0\n"
				  "IOMEM_RANGE=0000:03:00.0/2@0x0+0x1000\n"
				  "GRANT_ID=17\n");
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K", "--label=bell"}), 0); // it has it already
	EXPECT_EQ(trail.size(), 2U);
	world.store().fail_transaction = 3;
	EXPECT_NE(run({"grant", "web1", "03:00.0/2@0+4K", "--label=nic"}), 0);
	ASSERT_EQ(trail.size(), 3U);
	EXPECT_EQ(trail[2].event, AuditEvent::refused);
}

TEST_F(Audit, what_changes_nothing_leaves_no_trail)
{
	EXPECT_EQ(run({"--dry-run", "grant", "web1", "03:00.0/2@0+4K"}), 0);
	EXPECT_EQ(run({"--dry-run", "grant", "web9", "03:00.0/2@0+4K"}), 3);
	EXPECT_EQ(run({"check", "web1", "03:00.0/2@0+4K"}), 0);
	EXPECT_EQ(run({"list"}), 0);
	EXPECT_EQ(run({"gc"}), 0);
	EXPECT_EQ(trail.size(), 0U);
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K"}), 0);
	EXPECT_EQ(run({"grant", "web1", "03:00.0/2@0+4K"}), 0); // it has it already
	EXPECT_EQ(trail.size(), 1U);
}

TEST_F(Audit, every_kind_of_entry_has_an_id_of_its_own)
{
	std::set<std::string_view> ids;
	for (const auto event : {AuditEvent::granted, AuditEvent::refused, AuditEvent::overridden,
		     AuditEvent::revoked, AuditEvent::kept, AuditEvent::forced,
		     AuditEvent::collected, AuditEvent::labelled}) {
		EXPECT_EQ(message_id(event).size(), 32U);
		ids.insert(message_id(event));
	}
	EXPECT_EQ(ids.size(), 8U);
}
