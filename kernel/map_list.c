// SPDX-License-Identifier: GPL-2.0-only
/*
 * All mappings of this domain: numbers and nodes, looking them up, and keeping
 * those that Xen does not take back yet.  Locks are explained in map.c.
 */
#include <linux/delay.h>
#include <linux/idr.h>
#include <linux/module.h>

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

/* The list holds a reference of its own. */
int map_list_add(struct iomem_map *map)
{
	int rc;

	mutex_lock(&maps_lock);
	rc = map_add(map);
	if (!rc)
		get_device(&map->dev);
	mutex_unlock(&maps_lock);
	return rc;
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
