// SPDX-License-Identifier: GPL-2.0-or-later
// The words of list, show and monitor about a grant that is not as it should be.
#include <algorithm>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fake/fake_machine.h"
#include "world.h"

using namespace iomemgrant;

namespace
{

/// A grant of one page of 0000:03:00.0 that web1 has mapped, unless a test changes that.
class GrantNotes : public testing::Test
{
protected:
	GrantNotes()
	{
		world.guests_cooperate();
		(void)world.grant("03:00.0/2@0+4K");
		world.store().write("/local/domain/5/device/iomem/17/mapped-pages", "1");
		world.guests_sleep();
	}

	Grant& grant() { return world.device().grants.front(); }

	/// Returns the column NOTE of `list`, which `show` has as well.
	std::string note()
	{
		const auto shown = Json::parse(run_on(world, {"--json", "show", "g17"}).out)["grant"];
		const auto text = shown["note"].is_null() ? "" : shown["note"].get<std::string>();
		const auto listed = run_on(world, {"list", "-o", "note", "--no-legend"}).out;
		EXPECT_EQ(listed, (text.empty() ? "-" : text) + "\n");
		return text;
	}

	Json shown(const char* key)
	{
		return Json::parse(run_on(world, {"--json", "show", "g17"}).out)["grant"][key];
	}

	void lose(std::optional<Grant::LostReason> reason)
	{
		grant().state = Grant::State::lost;
		grant().lost_reason = reason;
	}

	World world;
};

} // namespace

TEST_F(GrantNotes, show_names_guest_and_device)
{
	grant().device_id = {0x8086, 0x1572, 0, 0};
	const auto text = run_on(world, {"show", "g17"}).out;
	EXPECT_NE(text.find("uuid:         6f0c1d2e-0011-4000-8000-00163e000001\n"),
		std::string::npos)
		<< text;
	// pci.ids need not be installed.
	const auto name = shown("device")["name"];
	EXPECT_NE(text.find("device_name:  " + (name.is_null() ? "-" : name.get<std::string>()) + "\n"),
		std::string::npos)
		<< text;
	EXPECT_EQ(shown("created_by"), Json({{"uid", 0}}));
	EXPECT_FALSE(shown("peer").contains("agent"));
}
