// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_XEN_XENSTORE_SOCKET_H
#define IOMEMGRANT_XEN_XENSTORE_SOCKET_H

#include <string_view>

namespace iomemgrant
{

/// Whether this is a socket that nobody answers at, which is a dead xenstored's.  libxenstore would
/// go on to /dev/xen/xenbus, which leads to the same one and waits for its answer for ever.
bool is_abandoned(std::string_view path);

} // namespace iomemgrant

#endif
