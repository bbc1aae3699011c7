// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/contract/world.h"

#include "tests/fake/fake_grant_device.h"
#include "tests/fake/fake_xenstore.h"

namespace iomemgrant::contract
{

namespace
{

class FakeStoreWorld final : public StoreWorld
{
public:
	XenStore& store() override { return store_; }
	XenStore& other() override { return store_; }
	std::string home() const override { return "/contract"; }

private:
	FakeXenStore store_;
};

class FakeDeviceWorld final : public DeviceWorld
{
public:
	GrantDevice& device() override { return device_; }
	Domid guest() const override { return Domid(5); }
	Region bar() const override { return {{0, 3, 0, 0}, 2, 0, 0x100000}; }

private:
	FakeGrantDevice device_;
};

} // namespace

std::unique_ptr<StoreWorld> make_store_world()
{
	return std::make_unique<FakeStoreWorld>();
}

std::unique_ptr<DeviceWorld> make_device_world()
{
	return std::make_unique<FakeDeviceWorld>();
}

} // namespace iomemgrant::contract
