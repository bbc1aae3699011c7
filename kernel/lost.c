// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the guest when the device behind its pages has gone, or the driver that
 * lent it: the publication goes from Connected to Closing, as if it were revoked,
 * and the guest takes the pages from its users, who would read nothing but ones.
 *
 * The kernel does it because nobody else is sure to run.  It goes no further: the
 * grant stays listed as lost until it is ended, and who published it withdraws it.
 *
 * What was not published yet, or could not be written, is tried again as long as
 * the grant exists: death.c, whose work this is part of, looks every ten seconds.
 */
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "iomemgrant.h"

#define TRIES 20

/* Looks and writes in one transaction: user space may be withdrawing it right now. */
static int close_once(const char *dir)
{
	struct xenbus_transaction xbt;
	int rc, state;

	rc = xenbus_transaction_start(&xbt);
	if (rc)
		return rc;
	rc = xenbus_scanf(xbt, dir, "state", "%d", &state);
	rc = rc == 1 ? 0 : -ENOENT;
	if (!rc && state == XenbusStateConnected)
		rc = xenbus_printf(xbt, dir, "state", "%d", XenbusStateClosing);
	if (rc) {
		xenbus_transaction_end(xbt, 1);
		return rc;
	}
	return xenbus_transaction_end(xbt, 0);
}

/* True when the guest needs no more telling. */
static bool tell(domid_t domid, u64 id)
{
	int rc, tries = 0;
	char dir[64];

	/* Only the hardware domain grants, and its number is 0. */
	snprintf(dir, sizeof(dir), "/local/domain/0/backend/iomem/%u/%llu", domid, id);
	do {
		rc = close_once(dir);
	} while (rc == -EAGAIN && ++tries < TRIES);
	return !rc;
}

void lost_tell_all(void)
{
	if (store_ready())
		grant_each_lost(tell);
}
