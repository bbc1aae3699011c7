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

static atomic_t zombies = ATOMIC_INIT(0);

/*
 * Offset 0 of this mapping in the address space that all of them share.  The id is not
 * used again before the last VMA is gone.
 */
u64 iomemgrant_map_base(const struct iomem_map *map)
{
	return (u64)map->id << 32;
}

u64 iomemgrant_map_gfn(const struct iomem_map *map)
{
	return iomemgrant_probe_translated() ? PHYS_PFN(map->window.start) : 0;
}

void iomemgrant_map_set_state(struct iomem_map *map, enum map_state state)
{
	lockdep_assert_held_write(&map->lock);
	if (map->state == state)
		return;
	if (state == MAP_ZOMBIE)
		atomic_inc(&zombies);
	else if (map->state == MAP_ZOMBIE)
		atomic_dec(&zombies);
	WRITE_ONCE(map->state, state);
	wake_up_interruptible(&map->changed);
}

/* Any context. */
unsigned int iomemgrant_map_zombies(void)
{
	return atomic_read(&zombies);
}

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

/*
 * Takes over request->refs in any case.  The caller gets a reference of the mapping
 * and gives it up with iomemgrant_map_retire() or put_device(); the list holds another.
 */
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

/* After this the work is not queued by the mapping any more. */
void iomemgrant_map_forget_notify(struct iomem_map *map)
{
	down_write(&map->lock);
	map->notify = NULL;
	up_write(&map->lock);
}

void iomemgrant_map_notify(struct iomem_map *map)
{
	lockdep_assert_held_write(&map->lock);
	if (map->notify)
		mod_delayed_work(iomemgrant_wq, map->notify, 0);
}

/* No fault is running and none can start: map->lock is held for write. */
void iomemgrant_map_zap(struct iomem_map *map)
{
	unmap_mapping_range(iomemgrant_node_mapping(), iomemgrant_map_base(map),
				    (loff_t)map->nr << PAGE_SHIFT, 1);
}

/* 0: every reference is given back; -EBUSY: Xen still counts entries. */
int iomemgrant_map_revoke(struct iomem_map *map)
{
	int rc = 0;

	down_write(&map->lock);
	switch (map->state) {
	case MAP_MAPPED:
	case MAP_FROZEN:
		iomemgrant_map_set_state(map, MAP_ZOMBIE);
		iomemgrant_map_zap(map);
		iomemgrant_map_kernel_lose(map);
		fallthrough;
	case MAP_ZOMBIE:
		if (iomemgrant_map_unmap_refs_patiently(map, 5))
			iomemgrant_map_set_state(map, MAP_REVOKED);
		else
			rc = -EBUSY;
		break;
	case MAP_REVOKED:
	case MAP_STALE:
		break;
	}
	up_write(&map->lock);
	return rc;
}

/* This guest was restored: nothing Xen told us before is true any more. */
void iomemgrant_map_stale(struct iomem_map *map)
{
	down_write(&map->lock);
	if (map->state != MAP_STALE) {
		iomemgrant_map_zap(map);
		iomemgrant_map_kernel_lose(map);
		iomemgrant_map_forget_refs(map);
		iomemgrant_map_set_state(map, MAP_STALE);
		iomemgrant_map_notify(map);
	}
	up_write(&map->lock);
}
