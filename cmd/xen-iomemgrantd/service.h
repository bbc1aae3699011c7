// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef XEN_IOMEMGRANTD_SERVICE_H
#define XEN_IOMEMGRANTD_SERVICE_H

#include <memory>
#include <optional>
#include <string>

#include "cmd/xen-iomemgrantd/caretaker.h"
#include "lib/host/real.h"

struct sd_event;
struct sd_event_source;

namespace iomemgrant
{

/// The event loop: watches, the module's device, a timer, signals, systemd.
///
/// One thread, and xenstored is asked synchronously: for as long as a request may take nothing else
/// happens, and nothing is lost either, since every look starts from what is true then.  If
/// xenstored goes away or hangs the service tries again and again to reach it.
class Service
{
public:
	/// Opens everything; throws what the real adapters throw.  @verbose: tell on stderr what
	/// is done, not only what fails.
	explicit Service(bool verbose);
	Service(const Service&) = delete;
	Service& operator=(const Service&) = delete;
	~Service();

	/// One look.  Returns the exit status.
	int once();
	/// Until SIGTERM or SIGINT.  Returns the exit status.
	int run();

private:
	void connect();
	void look();
	void lose_store(const Error& error);
	void look_within(std::chrono::milliseconds delay);
	void watch_fds();
	void forget_fds();
	void status(const std::string& text) const;

	bool verbose_;
	Caretaker caretaker_;
	std::unique_ptr<GrantDevice> device_;
	std::unique_ptr<Hypervisor> hypervisor_;
	std::unique_ptr<XenStore> store_;
	std::optional<Watched> watched_;
	sd_event* event_ = nullptr;
	sd_event_source* timer_ = nullptr;
	sd_event_source* store_source_ = nullptr;
	sd_event_source* device_source_ = nullptr;
	std::uint64_t armed_for_ = 0;
};

} // namespace iomemgrant

#endif
