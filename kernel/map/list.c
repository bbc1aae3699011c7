// SPDX-License-Identifier: GPL-2.0-only
/*
 * All mappings of this domain: numbers and nodes, looking them up, and keeping
 * those that Xen does not take back yet.  Locks are explained in map/create.c.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "iomemgrant.h"
#include "inside.h"

#define RETRY_FIRST	(HZ / 20)
#define RETRY_LAST	(2 * HZ)

/* A 32 bit program cannot tell mmap() an offset of 2^44 or more: see iomemgrant_map_base(). */
#define MAX_ID		4095

static DEFINE_MUTEX(maps_lock);
static DEFINE_SPINLOCK(find_lock);
static LIST_HEAD(maps);			/* changed under both, read under either */
static DEFINE_XARRAY_ALLOC(map_ids);	/* which are taken */
static DEFINE_XARRAY_ALLOC(map_minors);	/* which are taken */
static u32 next_id, next_minor;		/* maps_lock */
static unsigned long retry_delay;	/* only the work and maps_lock */

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);

/* Cyclic: a process with an old number must not soon reach another mapping's pages. */
static int take_number(struct xarray *taken, u32 *number, struct xa_limit limit, u32 *next)
{
	int rc;

	lockdep_assert_held(&maps_lock);
	rc = xa_alloc_cyclic(taken, number, NULL, limit, next, GFP_KERNEL);
	return rc == -EBUSY ? -ENOSPC : min(rc, 0);
}

void iomemgrant_map_free_id(u32 id)
{
	xa_erase(&map_ids, id);
}

/* Once: after this iomemgrant_map_retire() leaves the list alone. */
static void map_list_del(struct iomem_map *map)
{
	lockdep_assert_held(&maps_lock);
	spin_lock(&find_lock);
	map->retired = true;
	list_del(&map->node);
	spin_unlock(&find_lock);
	put_device(&map->dev);
}

/*
 * Makes the mapping visible: sysfs, and a device node when it has a XenStore id.
 * It is listed, and a reference taken, first: a process that sees the node may open it
 * at once.
 */
static int map_add(struct iomem_map *map)
{
	u32 minor = 0;
	int rc;

	lockdep_assert_held(&maps_lock);
	rc = take_number(&map_ids, &map->id, XA_LIMIT(1, MAX_ID), &next_id);
	if (rc)
		return rc;
	rc = dev_set_name(&map->dev, "map%u", map->id);
	if (!rc && map->devid >= 0)
		rc = take_number(&map_minors, &minor, XA_LIMIT(0, SPACE_MINORS - 1), &next_minor);
	if (rc)
		return rc;
	if (map->devid >= 0)
		map->dev.devt = iomemgrant_space_devt(minor);
	get_device(&map->dev);
	spin_lock(&find_lock);
	list_add_tail(&map->node, &maps);
	spin_unlock(&find_lock);
	rc = device_add(&map->dev);
	if (!rc)
		return 0;
	map_list_del(map);
	if (map->devid >= 0)
		xa_erase(&map_minors, minor);
	return rc;
}

int iomemgrant_map_list_add(struct iomem_map *map)
{
	int rc;

	mutex_lock(&maps_lock);
	rc = map_add(map);
	mutex_unlock(&maps_lock);
	return rc;
}

/* Takes it out of sysfs and /dev. */
static void map_hide(struct iomem_map *map)
{
	lockdep_assert_held(&maps_lock);
	if (!device_is_registered(&map->dev))
		return;
	device_del(&map->dev);
	if (map->devid >= 0)
		xa_erase(&map_minors, MINOR(map->dev.devt));
}

/* The mapping is gone for Xen: drop it.  Open files and VMAs keep the memory. */
static void map_drop(struct iomem_map *map)
{
	lockdep_assert_held(&maps_lock);
	map_hide(map);
	if (map->pins_module)
		module_put(THIS_MODULE);
	map_list_del(map);
}

static void retry_soon(void)
{
	lockdep_assert_held(&maps_lock);
	retry_delay = RETRY_FIRST;
	mod_delayed_work(iomemgrant_wq, &retry, retry_delay);
}

int iomemgrant_map_retire(struct iomem_map *map)
{
	int rc = iomemgrant_map_revoke(map);

	mutex_lock(&maps_lock);
	if (!map->retired) {
		spin_lock(&find_lock);
		map->retired = true;
		map->owner = NULL;
		spin_unlock(&find_lock);
		if (rc) {
			pr_warn("map%u: Xen still counts page table entries, trying on\n", map->id);
			/* Its node's name may be needed before Xen is done. */
			if (map->devid >= 0)
				map_hide(map);
			/* It fails during an unload: iomemgrant_map_exit() waits then. */
			map->pins_module = try_module_get(THIS_MODULE);
			retry_soon();
		} else {
			map_drop(map);
		}
	}
	mutex_unlock(&maps_lock);
	put_device(&map->dev);
	return rc;
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
		iomemgrant_map_unmap_refs(map);
		held = map->nr_held;
		if (!held && map->state == MAP_ZOMBIE)
			iomemgrant_map_set_state(map, MAP_REVOKED);
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

/*
 * All of these take find_lock alone, so that mmap() may call them: a thread that adds
 * or removes a device waits for devtmpfs, and that for processes which fault.  The
 * mapping found may be retired as soon as the lock is left; its state then says so.
 */

/* The mapping an ioctl made under this number.  The frontend's follow XenStore instead. */
static struct iomem_map *map_by_id(u64 id)
{
	struct iomem_map *map;

	lockdep_assert_held(&find_lock);
	list_for_each_entry(map, &maps, node)
		if (map->id == id && map->devid < 0)
			return map;
	return NULL;
}

/* The frontend's mapping of a published grant, or what is left of one. */
static struct iomem_map *map_by_devid(u64 devid, bool retired)
{
	struct iomem_map *map;

	lockdep_assert_held(&find_lock);
	list_for_each_entry(map, &maps, node)
		if (map->devid >= 0 && (u64)map->devid == devid && map->retired == retired)
			return map;
	return NULL;
}

struct iomem_map *iomemgrant_map_find(u32 id, const void *owner)
{
	struct iomem_map *map;

	spin_lock(&find_lock);
	map = map_by_id(id);
	if (map && (map->owner != owner || map->retired))
		map = NULL;
	if (map)
		get_device(&map->dev);
	spin_unlock(&find_lock);
	return map;
}

struct iomem_map *iomemgrant_map_find_minor(unsigned int minor)
{
	struct iomem_map *map, *found = NULL;

	spin_lock(&find_lock);
	list_for_each_entry(map, &maps, node) {
		if (map->devid < 0 || MINOR(map->dev.devt) != minor || map->retired)
			continue;
		get_device(&map->dev);
		found = map;
		break;
	}
	spin_unlock(&find_lock);
	return found;
}

struct iomem_map *iomemgrant_map_find_devid(u64 devid)
{
	struct iomem_map *map;

	spin_lock(&find_lock);
	map = map_by_devid(devid, false);
	if (map)
		get_device(&map->dev);
	spin_unlock(&find_lock);
	return map;
}

bool iomemgrant_map_devid_lingers(u64 devid)
{
	bool lingers;

	spin_lock(&find_lock);
	lingers = map_by_devid(devid, true);
	spin_unlock(&find_lock);
	return lingers;
}

int iomemgrant_map_unmap_id(u64 id, const void *owner)
{
	struct iomem_map *map;
	bool ours = false;

	spin_lock(&find_lock);
	map = map_by_id(id);
	if (map) {
		get_device(&map->dev);
		ours = map->owner == owner;
	}
	spin_unlock(&find_lock);
	if (!map)
		return -ENOENT;
	if (!ours && !capable(CAP_SYS_RAWIO)) {
		put_device(&map->dev);
		return -EPERM;
	}
	return iomemgrant_map_retire(map);
}

/* The file is closed.  Without it there are no VMAs of its mappings either. */
void iomemgrant_map_retire_owner(const void *owner)
{
	struct iomem_map *map;
	bool found;

	do {
		found = false;
		spin_lock(&find_lock);
		list_for_each_entry(map, &maps, node) {
			if (map->owner != owner || map->retired || map->devid >= 0)
				continue;
			get_device(&map->dev);
			found = true;
			break;
		}
		spin_unlock(&find_lock);
		if (found)
			iomemgrant_map_retire(map);
	} while (found);
}

/*
 * Every mapping is retired: files hold the module, and iomemgrant_frontend_exit() has let
 * go of its own.  A page that Xen does not take back even now stays mapped until this
 * guest ends.
 */
void iomemgrant_map_exit(void)
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
		iomemgrant_map_kind()->release(map);
		up_write(&map->lock);
		map_drop(map);
	}
	mutex_unlock(&maps_lock);
}
