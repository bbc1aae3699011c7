// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nodes of this guest's side of a publication, as xen-iomemgrant(7) has them.
 *
 * Several nodes are written in a transaction, which first looks whether the directory still
 * exists: the granter may remove it at any moment.
 */
#include <linux/errno.h>

#include <xen/xenbus.h>

#include "frontend.h"
#include "iomemgrant.h"

#define ERROR_TEXT_MAX	200

static const char *errno_name(int err)
{
	switch (err) {
	case -EACCES:		return "EACCES";
	case -EADDRINUSE:	return "EADDRINUSE";
	case -EADDRNOTAVAIL:	return "EADDRNOTAVAIL";
	case -EAGAIN:		return "EAGAIN";
	case -EBUSY:		return "EBUSY";
	case -EFBIG:		return "EFBIG";
	case -EINVAL:		return "EINVAL";
	case -ENOENT:		return "ENOENT";
	case -ENOMEM:		return "ENOMEM";
	case -ENOSPC:		return "ENOSPC";
	case -EOPNOTSUPP:	return "EOPNOTSUPP";
	case -EPROTO:		return "EPROTO";
	case -ERANGE:		return "ERANGE";
	case -ESRCH:		return "ESRCH";
	default:		return "EIO";
	}
}

int iomemgrant_write_nodes(struct xenbus_device *dev, const struct fe_node *nodes)
{
	const char *dir = dev->nodename;
	struct xenbus_transaction xbt;
	const struct fe_node *n;
	int rc, tries;

	for (tries = 0; tries < 50; tries++) {
		rc = xenbus_transaction_start(&xbt);
		if (rc)
			return rc;
		rc = xenbus_exists(xbt, dir, "state") ? 0 : -ENOENT;
		for (n = nodes; !rc && n->key; n++)
			rc = xenbus_write(xbt, dir, n->key, n->value);
		if (rc) {
			xenbus_transaction_end(xbt, 1);
			return rc;
		}
		rc = xenbus_transaction_end(xbt, 0);
		if (rc != -EAGAIN)
			return rc;
	}
	return rc;
}

/*
 * This is one transaction with all of it, where xenbus_switch_state() would need one of
 * its own.  The granter that has withdrawn the publication does not wait for it.
 */
void iomemgrant_write_state(struct xenbus_device *dev, enum xenbus_state state, u32 nr)
{
	char pages[12], number[4];
	const struct fe_node nodes[] = {
		{ "mapped-pages", pages },
		{ "state", number },
		{ nr ? "protocol" : NULL, "1" },
		{}
	};

	snprintf(pages, sizeof(pages), "%u", nr);
	snprintf(number, sizeof(number), "%d", state);
	if (!iomemgrant_write_nodes(dev, nodes))
		dev->state = state;
}

/*
 * This is the one write that each of many revoked grants costs, so it is a plain one.
 * xenstored refuses it once the granter has removed the directory, since a guest can make
 * none in `device`.
 */
void iomemgrant_write_closed(struct xenbus_device *dev)
{
	if (!xenbus_printf(XBT_NIL, dev->nodename, "state", "%d", XenbusStateClosed))
		dev->state = XenbusStateClosed;
}

void iomemgrant_write_error(struct xenbus_device *dev, int err, const char *what)
{
	char text[ERROR_TEXT_MAX];
	const struct fe_node nodes[] = { { "error", text }, {} };

	snprintf(text, sizeof(text), "%s %s", errno_name(err), what);
	dev_warn(&dev->dev, "not mapped: %s\n", text);
	(void)iomemgrant_write_nodes(dev, nodes);
}
