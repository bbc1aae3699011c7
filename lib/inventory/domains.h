// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_DOMAINS_H
#define IOMEMGRANT_DOMAINS_H

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/host/host.h"

namespace iomemgrant
{

/// Domains with their names; each is looked up once.
class Domains
{
public:
	explicit Domains(Host& host) : host_(host) {}

	/// The domain, with its name if it has one.
	std::optional<DomainInfo> find(Domid id);
	/// The domain as messages name it; "d5" when there is none.
	std::string short_name_of(Domid id);
	/// The domain the user means.  Throws Error no-domain, with names that come close, or
	/// ambiguous-domain.
	DomainInfo resolve(const DomainSpec& spec);

private:
	const std::vector<DomainInfo>& all();
	std::string name_of(Domid id);
	DomainInfo by_name(const std::string& name);
	DomainInfo by_id(const DomainSpec& spec);
	DomainInfo by_uuid(const DomainSpec& spec);

	Host& host_;
	std::map<Domid, std::optional<DomainInfo>> found_;
	std::optional<std::vector<DomainInfo>> all_;
};

/// Whether @domain is still the domain that was looked up: it is not dying, and its id has not
/// become another's.  Asks Xen.
bool is_still(Host& host, const DomainInfo& domain);
/// Whether @grant was made for @domain, and not for an earlier one with the same id.
bool made_for(const Grant& grant, const DomainInfo& domain);

} // namespace iomemgrant

#endif
