// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef CONTRACT_WORLD_H
#define CONTRACT_WORLD_H

#include <memory>
#include <string>

#include "lib/host/grant_device.h"
#include "lib/host/xenstore.h"

namespace iomemgrant::contract
{

/// XenStore seen twice: by us and by somebody else, as two connections would.
class StoreWorld
{
public:
	virtual ~StoreWorld() = default;

	virtual XenStore& store() = 0;
	virtual XenStore& other() = 0;
	/// A directory of our own, empty, removed with the world.
	virtual std::string home() const = 0;
};
std::unique_ptr<StoreWorld> make_store_world();

/// The module, a guest and a BAR of at least sixteen pages that may be granted to it.
class DeviceWorld
{
public:
	virtual ~DeviceWorld() = default;

	virtual GrantDevice& device() = 0;
	virtual Domid guest() const = 0;
	/// The whole BAR.
	virtual Region bar() const = 0;
};
std::unique_ptr<DeviceWorld> make_device_world();

} // namespace iomemgrant::contract

#endif
