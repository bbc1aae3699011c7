// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_REAL_H
#define IOMEMGRANT_REAL_H

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "lib/host/grant_device.h"
#include "lib/host/hypervisor.h"
#include "lib/host/xenstore.h"

namespace iomemgrant
{

/// Told what the Xen libraries have to say, which would otherwise go to stderr.  Called only
/// while one of the adapters below is in a call.
using LogSink = std::function<void(const std::string& line)>;

/// The real adapters.  Only a program's own main.cpp, real_machine.cpp or service.cpp and the tests
/// of contracts use these.

/// How long xenstored may take for one answer, unless the user gives it less.
inline constexpr std::chrono::milliseconds default_request_limit{10000};

/// xenstored, through its socket, or in a guest through /dev/xen/xenbus.  @wake_fd, unless -1, is
/// an eventfd that ends a wait() with Error interrupted when it becomes readable, and is reset by
/// that. Throws Error no-xenstore: at once when no xenstored runs, and after @limit, as every
/// request does, when it does not answer.  Once it did not answer, each further request throws at
/// once.
std::unique_ptr<XenStore> open_xenstore(
	int wake_fd = -1, std::chrono::milliseconds limit = default_request_limit);

/// libxenctrl.  Throws Error not-dom0 or permission.
std::unique_ptr<Hypervisor> open_hypervisor(LogSink log);

/// /dev/xen/iomemgrant.  Throws Error no-module or permission.
std::unique_ptr<GrantDevice> open_grant_device();

/// Destroys a domain as `xl destroy` does, which this runs.  Throws Error with what it said.
void destroy_with_xl(Domid id);

} // namespace iomemgrant

#endif
