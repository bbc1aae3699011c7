// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listing: a snapshot of all grants for user space.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "iomemgrant.h"
#include "grant.h"
#include "outside.h"

static void fill_entry(const struct grant *g, struct iomemgrant_entry *e)
{
	e->id = g->id;
	e->offset = g->offset;
	e->length = g->length;
	e->address = g->use.pages.start;
	e->created = g->created;
	e->first_ref = g->first_ref;
	e->nr_refs = g->nr_refs;
	e->nr_mapped = iomemgrant_grant_nr_mapped(g);
	e->state = iomemgrant_grant_state(g);
	e->flags = g->flags;
	e->allow = g->allow;
	e->uid = g->uid;
	e->segment = g->segment;
	e->bus = g->bus;
	e->devfn = g->devfn;
	e->bar = g->bar;
	e->domid = g->domid;
	e->vendor = g->vendor;
	e->device = g->device;
	e->subsystem_vendor = g->subsystem_vendor;
	e->subsystem_device = g->subsystem_device;
	memcpy(e->uuid, g->uuid.b, sizeof(e->uuid));
	e->age = ktime_get_boottime_ns() - g->made;
	e->lost_reason = g->lost_reason;
	e->cache = g->cache;
	e->changes = g->changes;
	if (g->ending && !iomemgrant_entry_refusable())
		e->changes |= IOMEMGRANT_CHANGED_MAPPABLE;
	iomemgrant_grant_label_copy(g, e->label);
}

int iomemgrant_grant_list(struct iomemgrant_list *list)
{
	struct iomemgrant_entry *entries = NULL;
	u32 room, nr_refs, nr, filled, known, i;
	struct grant *g;
	int rc = 0;

	if (list->reserved || (list->nr && list->entry_size < IOMEMGRANT_ENTRY_SIZE_1))
		return -EINVAL;
	known = min_t(u32, list->entry_size, sizeof(*entries));
again:
	iomemgrant_grant_count(&room, &nr_refs);
	room = min(list->nr, room);
	if (room) {
		entries = kvcalloc(room, sizeof(*entries), GFP_KERNEL);
		if (!entries)
			return -ENOMEM;
	}
	mutex_lock(&iomemgrant_grants_lock);
	nr = filled = 0;
	list_for_each_entry(g, &iomemgrant_grants, node) {
		if (filled < room)
			fill_entry(g, &entries[filled++]);
		nr++;
	}
	mutex_unlock(&iomemgrant_grants_lock);
	/* One was made since they were counted: the caller had room for it, we had not. */
	if (filled < min(list->nr, nr)) {
		kvfree(entries);
		entries = NULL;
		goto again;
	}
	list->nr = nr;

	for (i = 0; i < filled && !rc; i++) {
		u64 at = list->entries + (u64)i * list->entry_size;

		if (copy_to_user(u64_to_user_ptr(at), &entries[i], known) ||
		    clear_user(u64_to_user_ptr(at + known), list->entry_size - known))
			rc = -EFAULT;
	}
	kvfree(entries);
	return rc;
}
