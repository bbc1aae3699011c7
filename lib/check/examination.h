// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_EXAMINATION_H
#define IOMEMGRANT_EXAMINATION_H

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/check/safety.h"
#include "lib/text/byte_size.h"

namespace iomemgrant
{

/// A half-open range of addresses or of page numbers of a BAR.
struct Span {
	std::uint64_t first;
	std::uint64_t end;

	bool empty() const { return first >= end; }
	bool contains(std::uint64_t value) const { return first <= value && value < end; }
	std::uint64_t size() const { return empty() ? 0 : end - first; }
	Span common(const Span& other) const
	{
		return {std::max(first, other.first), std::min(end, other.end)};
	}
};

/// One region being examined; each check adds what it finds.
class Examination
{
public:
	Examination(const PciDevices& devices, const Region& region, std::string_view grantee)
		: devices_(devices), device_(devices.read(region.sbdf)),
		  bar_(device_.bar(region.bar)), region_(region), grantee_(grantee),
		  bdf_(region.sbdf.str())
	{
	}

	/// Why there are no such pages; then there is nothing to ask further.
	std::vector<Hazard> absent();
	/// Everything, worst first.
	std::vector<Hazard> run();

private:
	void check_bar();
	void check_range();

	// About pages: safety_pages.cpp.
	void check_reserved();
	void check_msix();
	void check_claims();
	void check_mirror();
	void check_shared_pages();

	// About the device: safety_device.cpp.
	void check_segment();
	void check_config();
	void check_dma();
	void check_critical();
	void check_driver();
	void check_decode();
	void add_decode_off(const PciDevice& decoder, const std::string& why, std::string hint);

	std::uint64_t bar_bytes() const { return bar_.nr_pages() * page_size; }
	Span addresses() const
	{
		return {bar_.first_page() + region_.offset, bar_.first_page() + region_.end()};
	}
	bool locates(std::string_view what, const MsixRange& range);
	Span msix_pages(const MsixRange& range) const;
	void add_msix(std::string_view what, std::string_view because, const Span& pages);
	std::string clear_of_msix() const;
	void add_shared(const PciPages& other, const Span& common);
	std::string shared_page_hint() const;
	std::string memory_bars() const;
	/// "page 4 of BAR0 holds", "pages 4-5 of BAR0 hold"
	std::string with_verb(
		const Span& pages, std::string_view singular, std::string_view plural) const;
	Error& add(ErrorKind kind, const std::string& message, std::string hint = {});
	/// The last finding is about these pages of the BAR only.
	void only(const Span& pages);
	Span pages_at(const Span& addresses) const;

	const PciDevices& devices_;
	const PciDevice& device_;
	const PciBar& bar_;
	const Region& region_;
	std::string_view grantee_;
	std::string bdf_;
	std::vector<Hazard> found_;
};

} // namespace iomemgrant

#endif
