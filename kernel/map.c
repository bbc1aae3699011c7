// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of references that another domain granted: what PV and translated
 * guests have in common.
 *
 * Life of a mapping.  map_create() has Xen map every reference, all or none.
 * User space then reaches the pages by mmap(), page by page as it touches them.
 * map_revoke() takes the page table entries away (from there every access is a
 * SIGBUS), then gives the references back.  Xen refuses that while it still
 * counts entries of a PV guest: after some tries the mapping is a zombie, kept and
 * tried again for ever, because the granter is not free before it is.
 *
 * Locks, in this order:
 *  - mmap_lock of a process (fault, mmap)
 *  - maps_lock: the list, the minor numbers, who owns a mapping
 *  - map->lock: the state of one mapping.  A fault holds it for read from the look
 *    at the state until the entry is in, a change of state for write from the
 *    change until the entries are gone: no fault can put one back in between.
 *  - the locks of the mm.
 * Never under the last two: copying from or to user space (which may fault on one
 * of our own pages), XenStore.  sysfs files take none of them.
 */
#include <linux/delay.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "iomemgrant.h"

#define RETRY_FIRST	(HZ / 20)
#define RETRY_LAST	(2 * HZ)

static DEFINE_MUTEX(maps_lock);
static LIST_HEAD(maps);			/* maps_lock */
static u32 last_id;			/* maps_lock */
static DEFINE_IDR(map_minors);		/* maps_lock; the minor is map->dev.devt's */
static unsigned long retry_delay;	/* only the work and maps_lock */

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);

/* Offset 0 of this mapping in the address space that all of them share. */
u64 map_base(const struct iomem_map *map)
{
	return (u64)map->id << 32;
}

u64 map_gfn(const struct iomem_map *map)
{
	return probe_translated() ? PHYS_PFN(map->window.start) : 0;
}

void map_set_state(struct iomem_map *map, enum map_state state)
{
	lockdep_assert_held_write(&map->lock);
	if (map->state == state)
		return;
	WRITE_ONCE(map->state, state);
	wake_up_interruptible(&map->changed);
}

static void map_release(struct device *dev)
{
	struct iomem_map *map = to_map(dev);

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
	map->dev.groups = map_groups;
	map->dev.release = map_release;
	return map;
}

/* Makes the mapping visible: sysfs, and a device node when it has a XenStore id. */
static int map_add(struct iomem_map *map)
{
	int rc;

	lockdep_assert_held(&maps_lock);
	if (last_id == INT_MAX)
		return -ENOSPC;
	map->id = ++last_id;
	if (map->devid >= 0) {
		/* Cyclic: a stale node must not soon reach somebody else's pages. */
		rc = idr_alloc_cyclic(&map_minors, map, 0, NODE_MINORS, GFP_KERNEL);
		if (rc < 0)
			return rc;
		map->dev.devt = MKDEV(0, rc);	/* node_devt() knows the major */
		map->dev.devt = node_devt(map);
	}
	rc = dev_set_name(&map->dev, "map%u", map->id);
	rc = rc ?: device_add(&map->dev);
	if (rc && map->devid >= 0)
		idr_remove(&map_minors, MINOR(map->dev.devt));
	if (rc)
		return rc;
	list_add_tail(&map->node, &maps);
	return 0;
}

/* The mapping is gone for Xen: drop it.  Open files and VMAs keep the memory. */
static void map_drop(struct iomem_map *map)
{
	lockdep_assert_held(&maps_lock);
	list_del(&map->node);
	if (map->devid >= 0)
		idr_remove(&map_minors, MINOR(map->dev.devt));
	device_del(&map->dev);
	if (map->pins_module)
		module_put(THIS_MODULE);
	put_device(&map->dev);
}

/*
 * Takes over request->refs in any case.  The caller gets a reference of the mapping
 * and gives it up with map_retire() or put_device(); the list holds another.
 */
struct iomem_map *map_create(struct map_request *rq)
{
	struct iomem_map *map = map_alloc(rq);
	int rc, rc2;

	if (!map) {
		kvfree(rq->refs);
		return ERR_PTR(-ENOMEM);
	}
	/* Nobody else knows the mapping yet; the lock is for the assertions. */
	down_write(&map->lock);
	rc = map_fill(map);
	up_write(&map->lock);
	if (rc && map->state != MAP_ZOMBIE) {
		put_device(&map->dev);
		return ERR_PTR(rc);
	}
	mutex_lock(&maps_lock);
	rc2 = map_add(map);
	if (!rc2)
		get_device(&map->dev);
	mutex_unlock(&maps_lock);
	if (!rc && !rc2)
		return map;
	if (rc2) {
		/* No user can have touched a page: Xen has no reason to refuse. */
		down_write(&map->lock);
		if (!map_unmap_refs_patiently(map, 10)) {
			pr_err("giving up %u references of domain %u\n", map->nr_held, map->domid);
			__module_get(THIS_MODULE);
			get_device(&map->dev);
		}
		up_write(&map->lock);
		put_device(&map->dev);
		return ERR_PTR(rc ?: rc2);
	}
	map_forget_notify(map);
	map_retire(map);
	return ERR_PTR(rc);
}

/* After this the work is not queued by the mapping any more. */
void map_forget_notify(struct iomem_map *map)
{
	down_write(&map->lock);
	map->notify = NULL;
	up_write(&map->lock);
}

void map_notify(struct iomem_map *map)
{
	lockdep_assert_held_write(&map->lock);
	if (map->notify)
		mod_delayed_work(iomemgrant_wq, map->notify, 0);
}

/* No fault is running and none can start: map->lock is held for write. */
void map_zap(struct iomem_map *map)
{
	unmap_mapping_range(node_mapping(), map_base(map), (loff_t)map->nr << PAGE_SHIFT, 1);
}

/* 0: every reference is given back; -EBUSY: Xen still counts entries. */
int map_revoke(struct iomem_map *map)
{
	int rc = 0;

	down_write(&map->lock);
	switch (map->state) {
	case MAP_MAPPED:
		map_set_state(map, MAP_ZOMBIE);
		map_zap(map);
		map_kernel_lose(map);
		fallthrough;
	case MAP_ZOMBIE:
		if (map_unmap_refs_patiently(map, 5))
			map_set_state(map, MAP_REVOKED);
		else
			rc = -EBUSY;
		break;
	case MAP_FROZEN:
		map_set_state(map, MAP_REVOKED);
		map_kernel_lose(map);
		break;
	case MAP_REVOKED:
	case MAP_STALE:
		break;
	}
	up_write(&map->lock);
	return rc;
}

/* This guest was restored: nothing Xen told us before is true any more. */
void map_stale(struct iomem_map *map)
{
	u32 i;

	down_write(&map->lock);
	if (map->state != MAP_STALE) {
		map_zap(map);
		map_kernel_lose(map);
		for (i = 0; i < map->nr; i++)
			map->handles[i] = MAP_NO_HANDLE;
		map->nr_held = 0;
		map_kind()->release(map);
		map_set_state(map, MAP_STALE);
		map_notify(map);
	}
	up_write(&map->lock);
}

static void retry_soon(void)
{
	lockdep_assert_held(&maps_lock);
	retry_delay = RETRY_FIRST;
	mod_delayed_work(iomemgrant_wq, &retry, retry_delay);
}

/* Revokes the mapping and gives up the caller's reference.  Xen may take longer. */
void map_retire(struct iomem_map *map)
{
	int rc = map_revoke(map);

	mutex_lock(&maps_lock);
	if (!map->retired) {
		map->retired = true;
		map->owner = NULL;
		if (rc) {
			/* Not while the module is being unloaded: map_exit() waits then. */
			map->pins_module = try_module_get(THIS_MODULE);
			retry_soon();
		} else {
			map_drop(map);
		}
	}
	mutex_unlock(&maps_lock);
	put_device(&map->dev);
}

/* Gives back what Xen takes by now.  True: some mapping still waits. */
static bool drop_retired(void)
{
	struct iomem_map *map, *next;
	bool again = false;

	lockdep_assert_held(&maps_lock);
	list_for_each_entry_safe(map, next, &maps, node) {
		bool held;

		if (!map->retired)
			continue;
		down_write(&map->lock);
		map_unmap_refs(map);
		held = map->nr_held;
		if (!held && map->state == MAP_ZOMBIE)
			map_set_state(map, MAP_REVOKED);
		up_write(&map->lock);
		if (!held)
			map_drop(map);
		again |= held;
	}
	return again;
}

static void retry_work(struct work_struct *work)
{
	mutex_lock(&maps_lock);
	if (drop_retired()) {
		retry_delay = min_t(unsigned long, retry_delay * 2, RETRY_LAST);
		queue_delayed_work(iomemgrant_wq, &retry, retry_delay);
	}
	mutex_unlock(&maps_lock);
}

/* --------------------------------------------------------------------- look-up */

/* A mapping of this file; the caller puts the device. */
struct iomem_map *map_find(u32 id, const void *owner)
{
	struct iomem_map *map, *found = NULL;

	mutex_lock(&maps_lock);
	list_for_each_entry(map, &maps, node) {
		if (map->id != id || map->owner != owner || map->retired || map->devid >= 0)
			continue;
		get_device(&map->dev);
		found = map;
		break;
	}
	mutex_unlock(&maps_lock);
	return found;
}

struct iomem_map *map_find_minor(unsigned int minor)
{
	struct iomem_map *map;

	mutex_lock(&maps_lock);
	map = idr_find(&map_minors, minor);
	if (map)
		get_device(&map->dev);
	mutex_unlock(&maps_lock);
	return map;
}

/* The frontend's mapping of a published grant; the caller puts the device. */
struct iomem_map *map_find_devid(u64 devid)
{
	struct iomem_map *map, *found = NULL;

	mutex_lock(&maps_lock);
	list_for_each_entry(map, &maps, node) {
		if (map->devid < 0 || (u64)map->devid != devid || map->retired)
			continue;
		get_device(&map->dev);
		found = map;
		break;
	}
	mutex_unlock(&maps_lock);
	return found;
}

int map_unmap_id(u64 id, const void *owner)
{
	struct iomem_map *map, *found = NULL;
	int rc = -ENOENT;

	mutex_lock(&maps_lock);
	list_for_each_entry(map, &maps, node) {
		/* The frontend's mappings follow XenStore, not ioctls. */
		if (map->id != id || map->devid >= 0)
			continue;
		rc = map->owner != owner && !capable(CAP_SYS_RAWIO) ? -EPERM : 0;
		if (!rc) {
			get_device(&map->dev);
			found = map;
		}
		break;
	}
	mutex_unlock(&maps_lock);
	if (!found)
		return rc;
	rc = map_revoke(found);
	map_retire(found);
	return rc;
}

/* The file is closed.  Without it there are no VMAs of its mappings either. */
void map_retire_owner(const void *owner)
{
	struct iomem_map *map;
	bool found;

	do {
		found = false;
		mutex_lock(&maps_lock);
		list_for_each_entry(map, &maps, node) {
			if (map->owner != owner || map->retired || map->devid >= 0)
				continue;
			get_device(&map->dev);
			found = true;
			break;
		}
		mutex_unlock(&maps_lock);
		if (found)
			map_retire(map);
	} while (found);
}

/*
 * Every mapping is retired: files hold the module, and frontend_exit() has let go of
 * its own.  What Xen does not take back even now stays mapped until this guest ends.
 */
void map_exit(void)
{
	struct iomem_map *map, *next;
	unsigned int tries = 0;

	cancel_delayed_work_sync(&retry);
	mutex_lock(&maps_lock);
	while (drop_retired() && ++tries < 100)
		msleep(100);
	list_for_each_entry_safe(map, next, &maps, node) {
		pr_err("giving up %u references of domain %u\n", map->nr_held, map->domid);
		down_write(&map->lock);
		map_kind()->release(map);
		up_write(&map->lock);
		map_drop(map);
	}
	mutex_unlock(&maps_lock);
	idr_destroy(&map_minors);
}
