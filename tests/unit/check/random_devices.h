// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef UNIT_RANDOM_DEVICES_H
#define UNIT_RANDOM_DEVICES_H

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "lib/host/grant_device.h"
#include "tests/unit/support/pci_tree.h"

namespace iomemgrant
{

/// Numbers that are the same on every machine: the distributions of the standard are not.
class Dice
{
public:
	explicit Dice(std::uint32_t seed) : engine_(seed) {}
	std::uint32_t below(std::uint32_t limit) { return engine_() % limit; }
	bool one_in(std::uint32_t n) { return below(n) == 0; }

private:
	std::mt19937 engine_;
};

/// What a machine's devices really are, as opposed to what is read of them: it writes the tree
/// that is read, and answers as the kernel module would.
class RandomDevices
{
public:
	struct Bar {
		enum class Kind { none, memory, io, unassigned };

		Kind kind = Kind::none;
		bool wide = false;
		std::uint64_t start = 0;
		std::uint64_t size = 0;

		bool usable() const { return kind == Kind::memory; }
		std::uint64_t first_page() const { return start & ~0xfffULL; }
		std::uint64_t end_page() const { return (start + size + 0xfff) & ~0xfffULL; }
	};
	struct Device {
		Sbdf sbdf;
		Bar bars[6];
		std::uint16_t command = 0;
		std::uint32_t class_code = 0;
		std::string driver;
		bool asleep = false;
		bool has_msix = false;
		unsigned msix_bar = 0;
		std::uint32_t table = 0, pending = 0, vectors = 0;
	};

	explicit RandomDevices(Dice& dice);

	void write(PciTree& tree) const;
	const std::vector<Device>& devices() const { return devices_; }
	const Device& at(const Sbdf& sbdf) const;

	/// kernel/bar/check.c and kernel/grant/ in a few lines.
	std::optional<GrantRefused::Reason> refuse(const GrantRequest& request,
		const std::vector<Grant>& grants, const ModuleInfo& module) const;
	/// Whether any page of this range of machine addresses holds the MSI-X table or pending
	/// bits of @device, or a register of another BAR than @bar of it.
	bool touches_msix(
		const Device& device, unsigned bar, std::uint64_t start, std::uint64_t end) const;
	bool touches_other(
		const Device& device, unsigned bar, std::uint64_t start, std::uint64_t end) const;

private:
	Bar make_bar(Dice& dice, bool may_be_wide);

	std::vector<Device> devices_;
	std::uint64_t next_ = 0xe0000000;
	std::uint64_t next_wide_ = 0x400000000;
};

} // namespace iomemgrant

#endif
