// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrantd/service.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "lib/audit/journal.h"
#include "lib/values/error.h"

namespace iomemgrant
{

namespace
{

using std::chrono::microseconds;
using std::chrono::milliseconds;

// How long to leave a xenstored alone that went away.
constexpr milliseconds reconnect_delay{2000};
// How long xenstored may take for an answer; signals are not taken meanwhile.
constexpr milliseconds request_limit{5000};

void say(const std::string& line)
{
	std::fputs((line + "\n").c_str(), stderr);
}

void complain(const std::string& line)
{
	// systemd takes the priority out again; a terminal does not.
	std::fputs(
		fmt::format("{}xen-iomemgrantd: {}\n", getenv("JOURNAL_STREAM") ? SD_ERR : "", line)
			.c_str(),
		stderr);
}

void require(int result, const char* what)
{
	if (result < 0)
		throw Error::from_errno(-result, what);
}

} // namespace

Service::Service(bool verbose)
	: verbose_(verbose), caretaker_(
				     [this](const std::string& line) {
					     if (verbose_)
						     say(line);
				     },
				     complain)
{
	device_ = open_grant_device();
	if (!device_->info().can_grant)
		throw Error(kind::not_dom0, "the module says that this is not the hardware domain");
	hypervisor_ = open_hypervisor([](const std::string&) {});
	connect();
}

Service::~Service()
{
	forget_fds();
	sd_event_source_unref(timer_);
	sd_event_unref(event_);
}

// Watches first, so that nothing is missed between the first look and them.
void Service::connect()
{
	store_ = open_xenstore(-1, request_limit);
	watched_.emplace(*store_);
}

void Service::status(const std::string& text) const
{
	// There may be no service manager.
	(void)sd_notify(0, fmt::format("STATUS={}", text).c_str());
}

int Service::once()
{
	Host host{.device = *device_, .store = *store_, .hypervisor = *hypervisor_};
	host.audit = journal_sink("xen-iomemgrantd");
	return caretaker_.look(host) ? kind::partial.exit : 0;
}

int Service::run()
{
	// Only the loop has an answer to them: --once and the start, where xenstored may keep one
	// waiting, end by them at once.  The thread of Xen's library never takes any.
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, nullptr);

	require(sd_event_default(&event_), "make an event loop");
	for (const int signal : {SIGTERM, SIGINT})
		require(sd_event_add_signal(event_, nullptr, signal, nullptr, nullptr),
			"wait for signals"); // without a handler of its own it ends the loop
	// Anything but an error means that it is settled whether there is a watchdog.
	require(sd_event_set_watchdog(event_, true), "set up the watchdog");
	const auto on_timer = [](sd_event_source*, std::uint64_t, void* self) {
		static_cast<Service*>(self)->look();
		return 0;
	};
	require(sd_event_add_time_relative(event_, &timer_, CLOCK_MONOTONIC, 0, 0, on_timer, this),
		"make a timer");
	watch_fds();
	(void)sd_notify(0, "READY=1");
	const int result = sd_event_loop(event_);
	(void)sd_notify(0, "STOPPING=1");
	require(result, "run the event loop");
	return 0;
}

void Service::watch_fds()
{
	const auto on_store = [](sd_event_source*, int, std::uint32_t, void* object) {
		auto& self = *static_cast<Service*>(object);
		try {
			if (self.store_->take_events()) {
				self.caretaker_.domains_changed();
				self.look_within(Caretaker::settle);
			}
		} catch (const Error& error) {
			self.lose_store(error);
		}
		return 0;
	};
	const auto on_device = [](sd_event_source* source, int, std::uint32_t, void* object) {
		// Readable until the next look, which turns it on again.
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		static_cast<Service*>(object)->look_within(Caretaker::settle);
		return 0;
	};
	require(sd_event_add_io(event_, &store_source_, store_->fd(), EPOLLIN, on_store, this),
		"wait for XenStore");
	require(sd_event_add_io(event_, &device_source_, device_->fd(), EPOLLIN, on_device, this),
		"wait for the module");
}

void Service::forget_fds()
{
	store_source_ = sd_event_source_disable_unref(store_source_);
	device_source_ = sd_event_source_disable_unref(device_source_);
}

void Service::look_within(milliseconds delay)
{
	std::uint64_t now = 0;
	(void)sd_event_now(event_, CLOCK_MONOTONIC, &now); // fails before the loop runs only
	const auto wanted = now + static_cast<std::uint64_t>(microseconds(delay).count());
	// An event never puts off a look that is due sooner.
	if (armed_for_ > now && armed_for_ <= wanted)
		return;
	armed_for_ = wanted;
	require(sd_event_source_set_time(timer_, wanted), "set the timer");
	require(sd_event_source_set_enabled(timer_, SD_EVENT_ONESHOT), "set the timer");
}

void Service::look()
{
	armed_for_ = 0;
	try {
		if (!store_) {
			connect();
			complain("xenstored answers again");
			watch_fds();
			caretaker_.domains_changed();
		}
		const auto failed = once();
		status(failed ? "something cannot be removed; see the journal" : "watching");
		(void)sd_event_source_set_enabled(device_source_, SD_EVENT_ON);
		look_within(caretaker_.next_delay());
	} catch (const Error& error) {
		if (error.kind() == kind::no_xenstore) {
			lose_store(error);
			return;
		}
		complain(fmt::format("{} [{}]", error.what(), error.kind().slug));
		status(error.what());
		look_within(Caretaker::idle);
	}
}

void Service::lose_store(const Error& error)
{
	if (store_) {
		complain(fmt::format("{} [{}]; waiting for it", error.what(), error.kind().slug));
		status("waiting for xenstored");
	}
	forget_fds();
	watched_.reset();
	store_.reset();
	look_within(reconnect_delay);
}

} // namespace iomemgrant
