// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_COLLECTOR_H
#define IOMEMGRANT_COLLECTOR_H

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/host/host.h"
#include "lib/inventory/grant_status.h"
#include "lib/values/error.h"

namespace iomemgrant
{

/// Something that died and left itself behind, and what became of it.
struct Remains {
	enum class Kind {
		grant,       ///< the kernel still has it
		publication, ///< only XenStore has it
		directory,   ///< of XenStore, with nothing in it
	};
	enum class Result {
		found,   ///< nothing done yet
		removed, ///< gone
		waiting, ///< a guest, perhaps one being destroyed, still maps pages; the kernel
			 ///< tries on
		failed,  ///< see error
	};

	Kind kind = Kind::grant;
	/// Why it is not alive: "domain gone".
	std::string reason;
	/// The directory in XenStore it is about.
	std::string path;
	/// The domain that has, or had, the grant or the directory.
	Domid domid{0};
	/// Absent for a directory.
	std::optional<GrantStatus> status;
	Result result = Result::found;
	std::optional<Error> error;
};
std::string_view to_string(Remains::Kind kind);

/// Finds and removes the remains of dead guests, devices and commands, and nothing that a domain or
/// program can still use.  Several may run at once, beside any other command.
class Collector
{
public:
	explicit Collector(Host& host) : host_(host), domains_(host) {}

	/// Returns all remains and changes nothing: grants in order of id, then publications, then
	/// directories.
	std::vector<Remains> find();

	/// Removes it, or what of it is still there, and says so in it.  Throws Error interrupted
	/// and no-xenstore only; any other failure is in the result.
	void collect(Remains& remains);

private:
	std::optional<std::string> why_dead(const GrantStatus& status) const;
	std::optional<Remains> examine(const GrantStatus& seen);
	void find_publications(const std::set<PublicationPath>& paths,
		const std::set<PublicationPath>& known, std::vector<Remains>& found);
	void find_directories(std::vector<Remains>& found);
	std::set<PublicationPath> list_frontends(const std::set<PublicationPath>& backends);
	Remains::Result end(const GrantStatus& status);
	Remains::Result act(const Remains& remains);
	void record(const Remains& remains);

	Host& host_;
	Domains domains_;
};

} // namespace iomemgrant

#endif
