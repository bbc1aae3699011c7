// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping's references: having Xen map them, and giving them back.
 */
#include <linux/delay.h>
#include <linux/slab.h>

#include <asm/xen/hypercall.h>
#include <xen/interface/grant_table.h>

#include "compat.h"
#include "iomemgrant.h"
#include "inside.h"

#define BATCH 64

static int status_to_errno(int status)
{
	switch (status) {
	case GNTST_okay:
		return 0;
	case GNTST_general_error:
		return -EBUSY;
	case GNTST_bad_domain:
		return -ESRCH;
	case GNTST_bad_gntref:
		return -ENOENT;
	case GNTST_bad_virt_addr:
		return -EADDRINUSE;
	case GNTST_permission_denied:
		return -EACCES;
	case GNTST_bad_page:
		return -EADDRNOTAVAIL;
	case GNTST_eagain:
		return -EAGAIN;
	case GNTST_no_device_space:
	case GNTST_no_space:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

/* Maps up to BATCH references from @first on.  Stops at the first failure. */
static int map_batch(struct iomem_map *map, struct gnttab_map_grant_ref *ops, u32 first)
{
	u32 i, nr = min_t(u32, BATCH, map->nr - first);
	int rc = 0;

	for (i = 0; i < nr; i++) {
		memset(&ops[i], 0, sizeof(ops[i]));
		ops[i].host_addr = iomemgrant_map_kind()->host_addr(map, first + i);
		ops[i].flags = GNTMAP_iomem_map;
		ops[i].ref = map->refs[first + i];
		ops[i].dom = map->domid;
		ops[i].status = GNTST_general_error;
	}
	if (HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, ops, nr))
		return -EIO;
	/* Xen goes on after a failure: what it mapped has to be given back. */
	for (i = 0; i < nr; i++) {
		if (ops[i].status == GNTST_okay) {
			map->handles[first + i] = ops[i].handle;
			map->nr_held++;
			iomemgrant_map_kind()->accepted(map, first + i, ops[i].dev_bus_addr);
		} else if (!rc) {
			rc = status_to_errno(ops[i].status);
		}
	}
	return rc;
}

static int map_refs(struct iomem_map *map)
{
	struct gnttab_map_grant_ref *ops = kmalloc_array(BATCH, sizeof(*ops), GFP_KERNEL);
	u32 first;
	int rc = 0;

	if (!ops)
		return -ENOMEM;
	for (first = 0; first < map->nr && !rc; first += BATCH)
		rc = map_batch(map, ops, first);
	kfree(ops);
	return rc;
}

/*
 * Gives back every reference that Xen takes.  No memory is allocated: this must
 * work when there is none.
 */
void iomemgrant_map_unmap_refs(struct iomem_map *map)
{
	u32 i;

	lockdep_assert_held_write(&map->lock);
	for (i = 0; i < map->nr && map->nr_held; i++) {
		struct gnttab_unmap_grant_ref op = { .handle = map->handles[i] };

		if (map->handles[i] == MAP_NO_HANDLE)
			continue;
		cond_resched();
		op.status = GNTST_eagain;
		if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1))
			continue;
		if (op.status == GNTST_eagain)
			continue;
		if (op.status != GNTST_okay)
			pr_warn_ratelimited("map%u: Xen answers %d to giving back reference %u\n",
					    map->id, op.status, map->refs[i]);
		map->handles[i] = MAP_NO_HANDLE;
		map->nr_held--;
	}
	/* A frozen mapping keeps its place for when it comes back. */
	if (!map->nr_held && map->state != MAP_FROZEN)
		iomemgrant_map_kind()->release(map);
}

/* As above, with patience: entries in a lazy TLB batch of another CPU go soon. */
bool iomemgrant_map_unmap_refs_patiently(struct iomem_map *map, unsigned int tries)
{
	unsigned int i, ms = 1;

	for (i = 0; i < tries; i++) {
		iomemgrant_map_unmap_refs(map);
		if (!map->nr_held)
			return true;
		msleep(ms);
		ms = min(ms * 2, 64U);
	}
	return false;
}

/* After a restore: this Xen never heard of them. */
void iomemgrant_map_forget_refs(struct iomem_map *map)
{
	u32 i;

	lockdep_assert_held_write(&map->lock);
	for (i = 0; i < map->nr; i++)
		map->handles[i] = MAP_NO_HANDLE;
	map->nr_held = 0;
	iomemgrant_map_kind()->release(map);
}

int iomemgrant_map_fill(struct iomem_map *map)
{
	int rc = iomemgrant_probe_iomem_map() ? 0 : -EOPNOTSUPP;

	lockdep_assert_held_write(&map->lock);
	rc = rc ?: iomemgrant_map_kind()->prepare(map);
	rc = rc ?: map_refs(map);
	rc = rc ?: iomemgrant_map_kind()->finish(map);
	if (!rc) {
		iomemgrant_map_set_state(map, MAP_MAPPED);
		return 0;
	}
	iomemgrant_map_set_state(map, MAP_ZOMBIE);
	if (iomemgrant_map_unmap_refs_patiently(map, 5))
		iomemgrant_map_set_state(map, MAP_REVOKED);
	return rc;
}
