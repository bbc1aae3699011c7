// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/xen-iomemgrant/render/pci_names.h"

#ifdef IOMEMGRANT_PCI_NAMES

#include <array>
#include <memory>

extern "C" {
#include <pci/pci.h>
}

namespace iomemgrant
{

namespace
{

void say_nothing(char*, ...) {}

} // namespace

std::optional<std::string> pci_name(const DeviceId& id)
{
	struct Release {
		void operator()(pci_access* access) const noexcept { pci_cleanup(access); }
	};
	using Access = std::unique_ptr<pci_access, Release>;
	// Kept, because it holds the whole of pci.ids once a name was looked up.
	static const auto access = [] {
		Access made(pci_alloc());
		// Not pci_init(), which looks for devices.  It would have set these two, which a
		// look-up of an unknown name calls.
		made->debug = made->warning = say_nothing;
		return made;
	}();
	std::array<char, 256> text{};
	const char* name = pci_lookup_name(access.get(), text.data(), static_cast<int>(text.size()),
		PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB,
		id.vendor, id.device);
	if (!name)
		return std::nullopt;
	return name;
}

} // namespace iomemgrant

#else

namespace iomemgrant
{

std::optional<std::string> pci_name(const DeviceId&)
{
	return std::nullopt;
}

} // namespace iomemgrant

#endif
