// SPDX-License-Identifier: GPL-2.0-or-later
// CONTRACT_GUEST names a guest by its id, CONTRACT_DEVICE a device whose BAR 2 has a MiB.
#include "tests/contract/world.h"

#include <cstdlib>
#include <stdexcept>

#include "lib/host/real.h"

namespace iomemgrant::contract
{

namespace
{

std::string setting(const char* name)
{
	const char* value = std::getenv(name);
	if (!value)
		throw std::runtime_error(std::string(name) + " is not set");
	return value;
}

class RealStoreWorld final : public StoreWorld
{
public:
	RealStoreWorld() : store_(open_xenstore()), other_(open_xenstore()) { remove_home(); }
	~RealStoreWorld() override { remove_home(); }

	XenStore& store() override { return *store_; }
	XenStore& other() override { return *other_; }
	std::string home() const override { return "/local/domain/0/contract"; }

private:
	void remove_home()
	{
		store_->transact([this](XenStoreTransaction& t) { t.remove(home()); });
	}

	std::unique_ptr<XenStore> store_;
	std::unique_ptr<XenStore> other_;
};

class RealDeviceWorld final : public DeviceWorld
{
public:
	RealDeviceWorld()
		: device_(open_grant_device()),
		  guest_(Domid::parse(setting("CONTRACT_GUEST")).value()),
		  bar_{Sbdf::parse(setting("CONTRACT_DEVICE")).value(), 2, 0, 0x100000}
	{
	}
	// A test that fails must not spoil the next.
	~RealDeviceWorld() override
	{
		for (const auto& grant : device_->list())
			(void)device_->end(grant.id);
	}

	GrantDevice& device() override { return *device_; }
	Domid guest() const override { return guest_; }
	Region bar() const override { return bar_; }

private:
	std::unique_ptr<GrantDevice> device_;
	Domid guest_;
	Region bar_;
};

} // namespace

std::unique_ptr<StoreWorld> make_store_world()
{
	return std::make_unique<RealStoreWorld>();
}

std::unique_ptr<DeviceWorld> make_device_world()
{
	return std::make_unique<RealDeviceWorld>();
}

} // namespace iomemgrant::contract
