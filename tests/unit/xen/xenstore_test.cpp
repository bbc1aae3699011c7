// SPDX-License-Identifier: GPL-2.0-or-later
// xenstored that is absent, dead, silent, busy, or one that answers.
#include <chrono>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/host/real.h"
#include "lib/values/error.h"
#include "tests/unit/xen/server.h"

using namespace iomemgrant;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace
{

using Clock = std::chrono::steady_clock;

constexpr auto restart = "systemctl restart xen, or /etc/init.d/xen start";
constexpr auto go_on =
	"ps -C xenstored,oxenstored shows its state; kill -CONT lets a stopped one (T) go on";

struct Failure {
	std::string text;
	std::string slug;
	std::string hint;
	Clock::duration took;
};

template <typename Act>
Failure failure_of(Act act)
{
	const auto begin = Clock::now();
	try {
		act();
	} catch (const Error& error) {
		return {error.what(), std::string(error.kind().slug), error.hint(),
			Clock::now() - begin};
	}
	return {"nothing failed", "", "", Clock::now() - begin};
}

bool is_readable(int fd, std::chrono::milliseconds within = 0ms)
{
	pollfd fds{fd, POLLIN, 0};
	return poll(&fds, 1, static_cast<int>(within.count())) == 1;
}

class XenStoreUnit : public testing::Test
{
protected:
	XenStoreUnit()
	{
		places.socket = folder.path("socket");
		places.device = folder.path("xenbus");
		places.capabilities = folder.file("capabilities", "control_d\n");
		places.pid_file = folder.path("xenstored.pid");
		setenv("XENSTORED_PATH", places.socket.c_str(), 1);
	}

	/// A device that opens, as that of the kernel does even when xenstored does not run.
	void add_device() { ASSERT_EQ(mkfifo(places.device.c_str(), 0600), 0); }

	XenStoreAnswer read_name(XenStoreConnection& connection)
	{
		return connection.ask(XS_READ, 0, "/name\0"s, "read XenStore node /name");
	}

	void serve(Server::Answer answer) { server.emplace(places.socket, std::move(answer)); }

	std::size_t nr_requests(std::uint32_t type)
	{
		std::size_t count = 0;
		for (const auto& request : server->requests())
			count += request.type == type;
		return count;
	}

	Folder folder;
	XenStorePlaces places;
	std::optional<Server> server;
};

/// The descriptor of @connection becomes readable, and stays so until the event is taken.
void expect_one_event(XenStoreConnection& connection)
{
	ASSERT_TRUE(is_readable(connection.fd(), 5s));
	while (!connection.take_events())
		ASSERT_TRUE(is_readable(connection.fd(), 5s));
	EXPECT_FALSE(is_readable(connection.fd()));
	EXPECT_FALSE(connection.take_events());
}

/// Requests to read that many names, each a number.
std::vector<XenStoreRequest> numbered(int count)
{
	std::vector<XenStoreRequest> requests;
	for (int i = 0; i < count; i++)
		requests.push_back({XS_READ, fmt::format("{}", i), fmt::format("read {}", i)});
	return requests;
}

std::vector<Message> silence(const Message&)
{
	return {};
}

} // namespace

TEST_F(XenStoreUnit, in_dom0_a_missing_socket_is_told_at_once_whatever_the_kernel_offers)
{
	add_device();
	const auto failure = failure_of([&] { XenStoreConnection(places, {}); });
	EXPECT_EQ(failure.text,
		fmt::format("cannot reach xenstored: {} is missing", places.socket.string()));
	EXPECT_EQ(failure.slug, "no-xenstore");
	EXPECT_EQ(failure.hint, restart);
	EXPECT_LT(failure.took, 1s);
}

TEST_F(XenStoreUnit, a_guest_asks_through_the_kernel)
{
	add_device();
	places.capabilities = folder.file("capabilities", "\n");
	XenStoreConnection connection(places, {});
	// A FIFO gives back what is written to it.
	EXPECT_EQ(read_name(connection).payload, "/name\0"s);
}

TEST_F(XenStoreUnit, dom0_asks_through_the_kernel_when_xenstored_is_a_domain)
{
	add_device();
	folder.file("xenstored.pid", "domid:1\n");
	XenStoreConnection connection(places, {});
	EXPECT_EQ(read_name(connection).payload, "/name\0"s);
}

TEST_F(XenStoreUnit, a_guest_without_the_device_is_told_what_is_missing)
{
	places.capabilities = folder.file("capabilities", "\n");
	EXPECT_EQ(failure_of([&] { XenStoreConnection(places, {}); }).text,
		fmt::format("cannot reach xenstored: {} and {} are missing", places.socket.string(),
			places.device.string()));
}

TEST_F(XenStoreUnit, the_socket_of_a_dead_xenstored_is_told_at_once)
{
	add_device();
	listen_at(places.socket);
	const auto failure = failure_of([&] { XenStoreConnection(places, {}); });
	EXPECT_EQ(failure.text, fmt::format("cannot reach xenstored: nothing listens at {}",
					places.socket.string()));
	EXPECT_EQ(failure.slug, "no-xenstore");
	EXPECT_EQ(failure.hint, restart);
}

TEST_F(XenStoreUnit, a_xenstored_that_accepts_nothing_is_given_up_at_the_limit)
{
	const auto listener = listen_at(places.socket);
	XenStoreConnection in_the_queue(places, {});
	const auto failure = failure_of([&] { XenStoreConnection(places, {.limit = 100ms}); });
	EXPECT_EQ(failure.text, fmt::format("connect to {}: xenstored has not answered for 0.1s",
					places.socket.string()));
	EXPECT_EQ(failure.slug, "no-xenstore");
	EXPECT_EQ(failure.hint, go_on);
	EXPECT_LT(failure.took, 2s);
}

TEST_F(XenStoreUnit, a_request_is_given_up_at_the_limit_and_the_next_one_fails_at_once)
{
	serve(silence);
	XenStoreConnection connection(places, {.limit = 100ms});
	const auto failure = failure_of([&] { (void)read_name(connection); });
	EXPECT_EQ(failure.text, "read XenStore node /name: xenstored has not answered for 0.1s");
	EXPECT_EQ(failure.slug, "no-xenstore");
	EXPECT_EQ(failure.hint, go_on);
	EXPECT_GE(failure.took, 100ms);
	EXPECT_LT(failure.took, 2s);

	const auto next = failure_of([&] { (void)read_name(connection); });
	EXPECT_EQ(next.text, "read XenStore node /name: xenstored does not answer");
	EXPECT_LT(next.took, 50ms);
	EXPECT_TRUE(is_readable(connection.fd()));
	EXPECT_EQ(failure_of([&] { (void)connection.take_events(); }).slug, "no-xenstore");
	EXPECT_EQ(nr_requests(XS_READ), 1U);
}

TEST_F(XenStoreUnit, one_signal_ends_a_request_that_gets_no_answer)
{
	serve(silence);
	const UniqueFd wake(eventfd(1, EFD_NONBLOCK));
	XenStoreConnection connection(places, {.limit = 60s, .wake_fd = wake.get()});
	const auto failure = failure_of([&] { (void)read_name(connection); });
	EXPECT_EQ(failure.text, "interrupted; read XenStore node /name: xenstored does not answer");
	EXPECT_EQ(failure.slug, "interrupted");
	EXPECT_LT(failure.took, 3s);
	EXPECT_TRUE(is_readable(wake.get()));
}

TEST_F(XenStoreUnit, a_signal_does_not_cut_off_a_xenstored_that_answers)
{
	serve([](const Message&) { return std::vector<Message>{{XS_READ, 0, "web1"}}; });
	const UniqueFd wake(eventfd(1, EFD_NONBLOCK));
	XenStoreConnection connection(places, {.wake_fd = wake.get()});
	EXPECT_EQ(read_name(connection).payload, "web1");
}

TEST_F(XenStoreUnit, a_xenstored_that_goes_away_is_told_at_once)
{
	serve(silence);
	XenStoreConnection connection(places, {});
	EXPECT_FALSE(connection.take_events());
	server.reset();
	EXPECT_EQ(failure_of([&] { (void)read_name(connection); }).text,
		"read XenStore node /name: xenstored does not answer");
}

TEST_F(XenStoreUnit, many_requests_have_each_its_own_answer)
{
	serve([](const Message& request) -> std::vector<Message> {
		if (request.payload == "13")
			return {{XS_ERROR, 0, "ENOENT\0"s}};
		return {{XS_WATCH_EVENT, 0, "/name\0token\0"s}, {XS_READ, 0, request.payload}};
	});
	XenStoreConnection connection(places, {});
	const auto answers = connection.ask(0, numbered(100));
	ASSERT_EQ(answers.size(), 100U);
	for (std::size_t i = 0; i < answers.size(); i++)
		EXPECT_EQ(answers[i].payload, i == 13 ? "" : fmt::format("{}", i));
	EXPECT_EQ(answers[13].error, "ENOENT");
	EXPECT_TRUE(connection.ask(0, {}).empty());
	expect_one_event(connection);
}

TEST_F(XenStoreUnit, a_bounded_number_of_requests_is_sent_ahead_of_an_answer)
{
	serve(silence);
	XenStoreConnection connection(places, {.limit = 1s});
	const auto failure = failure_of([&] { (void)connection.ask(0, numbered(100)); });
	EXPECT_EQ(failure.text, "read 0: xenstored has not answered for 1s");
	EXPECT_EQ(failure.slug, "no-xenstore");
	EXPECT_EQ(nr_requests(XS_READ), 32U);
}

TEST_F(XenStoreUnit, each_of_many_answers_has_the_whole_limit)
{
	serve([](const Message& request) -> std::vector<Message> {
		if (request.payload == "5")
			return {};
		std::this_thread::sleep_for(100ms);
		return {{XS_READ, 0, request.payload}};
	});
	XenStoreConnection connection(places, {.limit = 400ms});
	const auto failure = failure_of([&] { (void)connection.ask(0, numbered(10)); });
	EXPECT_EQ(failure.text, "read 5: xenstored has not answered for 0.4s");
	EXPECT_GE(failure.took, 900ms);
}

TEST_F(XenStoreUnit, an_error_of_one_removal_is_told_when_the_others_are_done)
{
	serve([](const Message& request) -> std::vector<Message> {
		if (request.payload == "/a\0"s)
			return {{XS_ERROR, 0, "EACCES\0"s}};
		return {{XS_ERROR, 0, "ENOENT\0"s}};
	});
	const auto store = open_xenstore();
	EXPECT_EQ(failure_of([&] {
		store->remove({"/a", "/b", "/c"});
	}).text,
		"remove XenStore node /a: Permission denied");
	EXPECT_EQ(nr_requests(XS_RM), 3U);
	store->remove({"/b", "/c", "/d"});
}

TEST_F(XenStoreUnit, an_event_that_arrives_with_an_answer_wakes_the_event_loop)
{
	serve([](const Message&) {
		return std::vector<Message>{
			{XS_WATCH_EVENT, 0, "/name\0token\0"s}, {XS_READ, 0, "web1"}};
	});
	XenStoreConnection connection(places, {});
	EXPECT_FALSE(is_readable(connection.fd()));
	EXPECT_EQ(read_name(connection).payload, "web1");
	expect_one_event(connection);
}

// The server sends the second half of the event after the answer has been read.
TEST_F(XenStoreUnit, an_event_that_arrives_behind_an_answer_is_told_once)
{
	serve([](const Message&) {
		return std::vector<Message>{
			{XS_READ, 0, "web1"}, {XS_WATCH_EVENT, 0, "/name\0token\0"s}};
	});
	XenStoreConnection connection(places, {});
	EXPECT_EQ(read_name(connection).payload, "web1");
	expect_one_event(connection);
}

TEST_F(XenStoreUnit, names_that_do_not_fit_into_one_answer_are_read_in_parts)
{
	const auto names = "100\0"
			   "101\0"
			   "102\0"s;
	serve([&](const Message& request) -> std::vector<Message> {
		if (request.type == XS_DIRECTORY)
			return {{XS_ERROR, 0, "E2BIG\0"s}};
		if (request.payload.ends_with("\0"
					      "0\0"s))
			return {{XS_DIRECTORY_PART, 0, "7\0"s + names.substr(0, 6)}};
		return {{XS_DIRECTORY_PART, 0, "7\0"s + names.substr(6) + "\0"s}};
	});
	EXPECT_EQ(
		open_xenstore()->directory("/d"), (std::vector<std::string>{"100", "101", "102"}));
}

TEST_F(XenStoreUnit, an_answer_of_oxenstored_may_be_longer_than_others)
{
	std::string names;
	for (int i = 10000; i < 12000; i++)
		names += fmt::format("{}", i) + '\0';
	serve([&](const Message&) { return std::vector<Message>{{XS_DIRECTORY, 0, names}}; });
	EXPECT_EQ(open_xenstore()->directory("/d").size(), 2000U);
}

TEST_F(XenStoreUnit, the_quota_of_oxenstored_is_a_quota)
{
	serve([](const Message& request) -> std::vector<Message> {
		if (request.type == XS_TRANSACTION_START)
			return {{XS_TRANSACTION_START, 0, "1\0"s}};
		return {{XS_ERROR, 0, "EQUOTA\0"s}};
	});
	const auto store = open_xenstore();
	for (const auto& act : std::initializer_list<std::function<void()>>{
		     [&] { store->write("/n", "1"); }, [&] { (void)store->watch("/n"); },
		     [&] { store->transact([](XenStoreTransaction&) {}); }}) {
		const auto failure = failure_of(act);
		EXPECT_EQ(failure.slug, "xenstore-quota") << failure.text;
	}
	EXPECT_EQ(failure_of([&] { store->write("/n", "1"); }).text,
		"write XenStore node /n: a XenStore quota is reached (nodes or transactions)");
}

TEST_F(XenStoreUnit, a_transaction_refused_for_quota_is_tried_again)
{
	int refused = 0;
	serve([&](const Message& request) -> std::vector<Message> {
		if (request.type == XS_TRANSACTION_START && refused++ < 2)
			return {{XS_ERROR, 0, "EQUOTA\0"s}};
		return {{request.type, 0, "5\0"s}};
	});
	open_xenstore()->transact([](XenStoreTransaction& t) { t.write("/n", "1"); });
	EXPECT_EQ(nr_requests(XS_TRANSACTION_START), 3U);
	EXPECT_EQ(nr_requests(XS_TRANSACTION_END), 1U);
}

TEST_F(XenStoreUnit, both_daemons_tell_a_domains_quota)
{
	serve([](const Message& request) -> std::vector<Message> {
		if (request.payload == "quota\0"
				       "5\0"s)
			return {{XS_CONTROL, 0, "dom5 quota: 16/1000\0"s}};
		if (request.payload == "quota\0"
				       "6\0"s)
			return {{XS_CONTROL, 0, "Domain 6:\nnodes            :       12\n\0"s}};
		if (request.payload == "quota\0"s)
			return {{XS_CONTROL, 0,
				"nodes     :  1000 Nodes per domain\nnode-size :  2048\n\0"s}};
		return {{XS_CONTROL, 0, "dom7 quota: not set\0"s}};
	});
	const auto store = open_xenstore();
	EXPECT_EQ(store->quota(Domid(5)).nodes, 16U);
	EXPECT_EQ(store->quota(Domid(5)).max_nodes, 1000U);
	EXPECT_EQ(store->quota(Domid(6)).nodes, 12U);
	EXPECT_EQ(store->quota(Domid(6)).max_nodes, 1000U);
	EXPECT_EQ(store->quota(Domid(6)).max_node_size, 2048U);
	EXPECT_EQ(store->quota(Domid(7)).nodes, std::nullopt);
}

TEST_F(XenStoreUnit, a_message_that_breaks_the_protocol_ends_the_connection)
{
	serve([](const Message&) {
		return std::vector<Message>{{XS_READ, 0, std::string((1 << 20) + 1, 'x')}};
	});
	XenStoreConnection connection(places, {});
	EXPECT_EQ(failure_of([&] { (void)read_name(connection); }).slug, "io-error");
	EXPECT_EQ(failure_of([&] { (void)read_name(connection); }).slug, "no-xenstore");
}
