// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asks the hypervisor for its features, anew each time: a guest may have been migrated
 * since the last question.
 */
#include <linux/types.h>

#include <xen/features.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/grant_table.h>
#include <asm/xen/hypercall.h>

#include "compat.h"
#include "iomemgrant.h"

/* Of a domain with more event channels that is dying, the end has to be waited for. */
#define MAX_PORTS 4096

/*
 * Xen looks at the flags first and at the domain next, so that mapping from a
 * domain that cannot exist tells the flag's fate and has no effect: an unpatched
 * Xen says bad reference, a patched one bad domain.
 */
bool iomemgrant_probe_iomem_map(void)
{
	struct gnttab_map_grant_ref op = {
		.flags = GNTMAP_iomem_map,
		.dom = DOMID_INVALID,
	};

	if (HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, &op, 1))
		return false;
	return op.status == GNTST_bad_domain;
}

unsigned int iomemgrant_probe_gnttab_version(void)
{
	struct gnttab_get_version op = { .dom = DOMID_SELF };

	if (HYPERVISOR_grant_table_op(GNTTABOP_get_version, &op, 1) || op.version != 2)
		return 1;
	return 2;
}

bool iomemgrant_probe_translated(void)
{
	return xen_feature(XENFEAT_auto_translated_physmap);
}

static int query_size(struct gnttab_query_size *op)
{
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_query_size, op, 1);

	return rc ? -EIO : 0;
}

/* Xen's own word; a domain counts until the last of it is gone. */
bool iomemgrant_probe_domain_exists(domid_t domid)
{
	struct gnttab_query_size op = { .dom = domid };

	/* When Xen does not answer, nothing says that the domain died. */
	return query_size(&op) || op.status != GNTST_bad_domain;
}

/*
 * Xen has begun to take the domain apart.  It then gives back what the domain has
 * mapped, closes all its event channels, and keeps the rest for as long as another domain
 * maps a page of it, as xenstored does.  No call that this kernel may make tells of
 * that, but the channels do: a guest that runs has at least the toolstack's two.
 */
bool iomemgrant_probe_domain_dying(domid_t domid)
{
	struct evtchn_status op = { .dom = domid };
	int rc;

	for (op.port = 1; op.port < MAX_PORTS; op.port++) {
		rc = HYPERVISOR_event_channel_op(EVTCHNOP_status, &op);
		if (rc == -EINVAL)	/* the port before was the last one */
			return true;
		if (rc || op.status != EVTCHNSTAT_closed)
			return false;
	}
	return false;
}

int iomemgrant_probe_gnttab_size(u32 *frames, u32 *max_frames)
{
	struct gnttab_query_size op = { .dom = DOMID_SELF };
	int rc = query_size(&op);

	if (rc || op.status != GNTST_okay)
		return rc ?: -EIO;
	*frames = op.nr_frames;
	*max_frames = op.max_nr_frames;
	return 0;
}
