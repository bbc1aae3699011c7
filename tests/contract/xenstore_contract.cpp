// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/contract/world.h"

using namespace iomemgrant;
using std::chrono::milliseconds;

namespace
{

class XenStoreContract : public ::testing::Test
{
protected:
	std::unique_ptr<contract::StoreWorld> world = contract::make_store_world();
	XenStore& store = world->store();
	XenStore& other = world->other();

	std::string path(const std::string& name) const { return world->home() + "/" + name; }

	/// Takes what has arrived, for instance what a watch says at its registration.
	void drain()
	{
		while (store.wait(milliseconds(50)))
			;
	}
};

using Names = std::vector<std::string>;
constexpr auto none = NodePermission::Access::none;
constexpr auto read_only = NodePermission::Access::read;

} // namespace

TEST_F(XenStoreContract, what_was_written_is_read_by_everybody)
{
	store.write(path("a"), "1");
	EXPECT_EQ(store.read(path("a")), "1");
	EXPECT_EQ(other.read(path("a")), "1");
	store.write(path("a"), "two words\nand a line");
	EXPECT_EQ(other.read(path("a")), "two words\nand a line");
}

TEST_F(XenStoreContract, an_empty_value_is_not_an_absent_one)
{
	store.write(path("empty"), "");
	EXPECT_EQ(store.read(path("empty")), "");
	EXPECT_EQ(store.read(path("absent")), std::nullopt);
	EXPECT_EQ(store.read(path("absent/below")), std::nullopt);
}

TEST_F(XenStoreContract, writing_makes_the_directories_above)
{
	store.write(path("a/b/c"), "1");
	EXPECT_EQ(store.read(path("a/b")), "");
	EXPECT_EQ(store.directory(path("a")), Names{"b"});
	store.write(path("a/b/d"), "2");
	auto names = store.directory(path("a/b"));
	std::sort(names.begin(), names.end());
	EXPECT_EQ(names, (Names{"c", "d"}));
}

TEST_F(XenStoreContract, an_absent_or_childless_node_has_an_empty_directory)
{
	store.write(path("leaf"), "1");
	EXPECT_EQ(store.directory(path("leaf")), Names{});
	EXPECT_EQ(store.directory(path("absent")), Names{});
}

TEST_F(XenStoreContract, removing_takes_what_is_below_and_what_is_not_there_is_no_error)
{
	store.write(path("a/b/c"), "1");
	store.write(path("a/d"), "2");
	store.remove({path("a/b")});
	EXPECT_EQ(store.directory(path("a")), Names{"d"});
	EXPECT_EQ(other.read(path("a/b/c")), std::nullopt);
	store.remove({path("a/b")});
	store.remove({path("absent/below")});
}

TEST_F(XenStoreContract, of_many_nodes_removed_at_once_some_may_be_absent)
{
	std::vector<std::string> paths;
	for (int i = 0; i < 100; i++) {
		paths.push_back(path("many/" + std::to_string(i)));
		if (i % 3)
			store.write(paths.back() + "/below", "1");
	}
	store.write(path("many/kept"), "1");
	store.remove(paths);
	EXPECT_EQ(other.directory(path("many")), Names{"kept"});
}

TEST_F(XenStoreContract, many_nodes_written_at_once_have_the_value_that_comes_last)
{
	store.transact([&](XenStoreTransaction& transaction) {
		std::vector<std::pair<std::string, std::string>> nodes;
		for (int i = 0; i < 100; i++)
			nodes.emplace_back(path(std::to_string(i)), std::to_string(i));
		nodes.emplace_back(path("7"), "last");
		transaction.write(nodes);
		EXPECT_EQ(transaction.read(path("7")), "last");
	});
	EXPECT_EQ(other.read(path("7")), "last");
	EXPECT_EQ(other.read(path("99")), "99");
}

TEST_F(XenStoreContract, a_transaction_is_seen_as_a_whole_or_not_at_all)
{
	store.write(path("a"), "old");
	store.transact([&](XenStoreTransaction& transaction) {
		transaction.write(path("a"), "new");
		transaction.write(path("b/c"), "1");
		EXPECT_EQ(transaction.read(path("a")), "new");
		EXPECT_EQ(transaction.directory(path("b")), Names{"c"});
		EXPECT_EQ(other.read(path("a")), "old");
		EXPECT_EQ(other.read(path("b")), std::nullopt);
	});
	EXPECT_EQ(other.read(path("a")), "new");
	EXPECT_EQ(other.read(path("b/c")), "1");
}

TEST_F(XenStoreContract, a_transaction_that_throws_changes_nothing)
{
	store.write(path("a"), "old");
	EXPECT_THROW(store.transact([&](XenStoreTransaction& transaction) {
		transaction.write(path("a"), "new");
		transaction.write(path("b"), "1");
		throw std::runtime_error("no");
	}),
		std::runtime_error);
	EXPECT_EQ(store.read(path("a")), "old");
	EXPECT_EQ(store.read(path("b")), std::nullopt);
}

TEST_F(XenStoreContract, a_transaction_somebody_interferes_with_is_run_again)
{
	store.write(path("count"), "1");
	int runs = 0;
	store.transact([&](XenStoreTransaction& transaction) {
		const auto value = transaction.read(path("count")).value();
		if (++runs == 1)
			other.write(path("count"), "10");
		transaction.write(path("count"), value + "1");
	});
	EXPECT_EQ(runs, 2);
	EXPECT_EQ(store.read(path("count")), "101");
}

TEST_F(XenStoreContract, removing_takes_everything_below_and_needs_nothing_to_be_there)
{
	store.write(path("a/b/c"), "1");
	store.write(path("ab"), "2");
	store.transact([&](XenStoreTransaction& transaction) {
		transaction.remove(path("a"));
		transaction.remove(path("absent"));
		EXPECT_EQ(transaction.read(path("a/b/c")), std::nullopt);
	});
	EXPECT_EQ(store.read(path("a")), std::nullopt);
	EXPECT_EQ(store.read(path("a/b/c")), std::nullopt);
	EXPECT_EQ(store.read(path("ab")), "2");
}

TEST_F(XenStoreContract, children_inherit_the_permissions_of_their_directory)
{
	const NodePermissions permissions = {{Domid(0), none}, {Domid(5), read_only}};
	store.transact([&](XenStoreTransaction& transaction) {
		transaction.make_directory(path("d"), permissions);
		transaction.write(path("d/below/leaf"), "1");
	});
	EXPECT_EQ(store.permissions(path("d")), permissions);
	EXPECT_EQ(store.permissions(path("d/below")), permissions);
	EXPECT_EQ(store.permissions(path("d/below/leaf")), permissions);
}

TEST_F(XenStoreContract, making_a_directory_that_is_there_keeps_what_is_in_it)
{
	const NodePermissions permissions = {{Domid(0), none}, {Domid(5), read_only}};
	store.write(path("d/leaf"), "1");
	store.transact([&](XenStoreTransaction& transaction) {
		transaction.make_directory(path("d"), permissions);
	});
	EXPECT_EQ(store.permissions(path("d")), permissions);
	EXPECT_EQ(store.read(path("d/leaf")), "1");
}

TEST_F(XenStoreContract, a_watch_fires_once_at_registration_and_then_at_every_change_below)
{
	const auto watch = store.watch(path("watched"));
	EXPECT_TRUE(store.wait(milliseconds(5000)));
	drain();
	EXPECT_FALSE(store.wait(milliseconds(50)));
	other.write(path("watched/below"), "1");
	EXPECT_TRUE(store.wait(milliseconds(5000)));
	drain();
	other.transact([&](XenStoreTransaction& t) { t.remove(path("watched")); });
	EXPECT_TRUE(store.wait(milliseconds(5000)));
}

TEST_F(XenStoreContract, nothing_wakes_that_is_not_watched)
{
	{
		const auto watch = store.watch(path("watched"));
		drain();
		other.write(path("elsewhere"), "1");
		EXPECT_FALSE(store.wait(milliseconds(50)));
	}
	other.write(path("watched"), "1");
	EXPECT_FALSE(store.wait(milliseconds(50)));
}
