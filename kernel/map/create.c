// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of references that another domain granted: what PV and translated
 * guests have in common.
 *
 * Life of a mapping.  iomemgrant_map_create() has Xen map every reference, all or none.
 * User space then reaches the pages by mmap(), page by page as it touches them.
 * iomemgrant_map_revoke() takes the page table entries away (from there every access is a
 * SIGBUS), then gives the references back.  Xen refuses that while it still
 * counts entries of a PV guest: after some tries the mapping is a zombie, kept and
 * tried again for ever, because the granter is not free before it is.
 *
 * Locks, in this order:
 *  - maps_lock (map/list.c): which mappings there are.  Held while devices come and
 *    go, which waits for devtmpfs, and that for processes that list a folder of it.
 *  - mmap_lock of a process (fault, mmap)
 *  - map->lock: the state of one mapping.  A fault holds it for read from the look
 *    at the state until the entry is in, a change of state for write from the
 *    change until the entries are gone: no fault can put one back in between.
 *  - the locks of the mm
 *  - find_lock (map/list.c), a spinlock: looking mappings up, who owns them.
 * Never under mmap_lock: maps_lock.  Never under map->lock: copying from or to user
 * space (which may fault on one of our own pages), XenStore, adding or removing a
 * device.  sysfs files take none of them.
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "iomemgrant.h"
#include "inside.h"

static void map_release(struct device *dev)
{
	struct iomem_map *map = to_map(dev);

	if (map->id)
		iomemgrant_map_free_id(map->id);
	kvfree(map->refs);
	kvfree(map->handles);
	kvfree(map->mfns);
	kfree(map);
}

static struct iomem_map *map_alloc(const struct map_request *rq)
{
	struct iomem_map *map = kzalloc(sizeof(*map), GFP_KERNEL);
	u32 i;

	if (!map)
		return NULL;
	map->handles = kvmalloc_array(rq->nr, sizeof(*map->handles), GFP_KERNEL);
	map->mfns = kvcalloc(rq->nr, sizeof(*map->mfns), GFP_KERNEL);
	if (!map->handles || !map->mfns) {
		kvfree(map->handles);
		kvfree(map->mfns);
		kfree(map);
		return NULL;
	}
	for (i = 0; i < rq->nr; i++)
		map->handles[i] = MAP_NO_HANDLE;
	init_rwsem(&map->lock);
	init_waitqueue_head(&map->changed);
	INIT_LIST_HEAD(&map->kernel_users);
	map->state = MAP_REVOKED;
	map->domid = rq->domid;
	map->wc = rq->wc;
	map->nr = rq->nr;
	map->refs = rq->refs;
	map->wish = rq->gfn;
	map->devid = rq->devid;
	map->owner = rq->owner;
	map->notify = rq->notify;
	strscpy(map->label, rq->label ?: "", sizeof(map->label));
	if (rq->uuid)
		map->uuid = *rq->uuid;
	device_initialize(&map->dev);
	map->dev.class = &iomemgrant_class;
	map->dev.groups = iomemgrant_map_groups;
	map->dev.release = map_release;
	return map;
}

struct iomem_map *iomemgrant_map_create(struct map_request *rq)
{
	struct iomem_map *map = map_alloc(rq);
	int rc, rc2;

	if (!map) {
		kvfree(rq->refs);
		return ERR_PTR(-ENOMEM);
	}
	/* No other thread knows the mapping yet; the lock is for the assertions. */
	down_write(&map->lock);
	rc = iomemgrant_map_fill(map);
	up_write(&map->lock);
	if (rc && map->state != MAP_ZOMBIE) {
		put_device(&map->dev);
		return ERR_PTR(rc);
	}
	rc2 = iomemgrant_map_list_add(map);
	if (!rc && !rc2)
		return map;
	if (rc2) {
		if (iomemgrant_map_revoke(map)) {
			pr_err("giving up %u references of domain %u\n", map->nr_held, map->domid);
			__module_get(THIS_MODULE);
			get_device(&map->dev);
		}
		put_device(&map->dev);
		return ERR_PTR(rc ?: rc2);
	}
	iomemgrant_map_forget_notify(map);
	iomemgrant_map_retire(map);
	return ERR_PTR(rc);
}
