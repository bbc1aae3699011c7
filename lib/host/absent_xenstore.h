// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_ABSENT_XENSTORE_H
#define IOMEMGRANT_ABSENT_XENSTORE_H

#include <utility>

#include "lib/host/xenstore.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// A XenStore that could not be reached: every request throws the Error that says why.  For what
/// can do part of its work without.
class AbsentXenStore final : public XenStore
{
public:
	explicit AbsentXenStore(Error why) : why_(std::move(why)) {}

	std::optional<std::string> read(const std::string&) override { fail(); }
	std::vector<std::string> directory(const std::string&) override { fail(); }
	void write(const std::string&, const std::string&) override { fail(); }
	void remove(const std::vector<std::string>&) override { fail(); }
	NodePermissions permissions(const std::string&) override { fail(); }
	XenStoreQuota quota(Domid) override { fail(); }
	void transact(const std::function<void(XenStoreTransaction&)>&) override { fail(); }
	std::unique_ptr<XenStoreWatch> watch(const std::string&) override { fail(); }
	using XenStore::wait;
	bool wait(std::chrono::milliseconds, int) override { fail(); }
	int fd() override { fail(); }
	bool take_events() override { fail(); }

private:
	[[noreturn]] void fail() const { throw Error(why_); }

	Error why_;
};

} // namespace iomemgrant

#endif
