// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend of the guest that maps.
 *
 * A PV guest that is saved with an entry for device memory loses the whole page
 * table of that entry, and with it ordinary memory, silently.  So the freeze
 * callback takes everything away, and refuses the suspend when it cannot.  A
 * cancelled suspend maps again, entries come back on the next touch.  After a
 * restore, handles and frames mean nothing: the mapping is stale for ever.
 */
#include <linux/device.h>

#include "iomemgrant.h"

static int map_freeze(struct device *dev)
{
	struct iomem_map *map;
	int rc = 0;

	if (dev->groups != map_groups)
		return 0;
	map = to_map(dev);
	down_write(&map->lock);
	if (map->state == MAP_MAPPED) {
		map_zap(map);
		map_kernel_freeze(map);
		if (map_unmap_refs_patiently(map, 20)) {
			map_set_state(map, MAP_FROZEN);
		} else {
			map_set_state(map, MAP_ZOMBIE);
			map_kernel_lose(map);
			map_notify(map);
		}
	}
	/* Better no suspend than a guest that loses memory by it. */
	if (map->state == MAP_ZOMBIE && !map_unmap_refs_patiently(map, 5)) {
		pr_err("map%u: Xen still counts page table entries, suspend refused\n", map->id);
		rc = -EBUSY;
	}
	up_write(&map->lock);
	return rc;
}

static int map_thaw(struct device *dev)
{
	struct iomem_map *map;

	if (dev->groups != map_groups)
		return 0;
	map = to_map(dev);
	down_write(&map->lock);
	if (map->state == MAP_FROZEN && map_fill(map)) {
		pr_warn("map%u: could not be mapped again after a cancelled suspend\n", map->id);
		map_kernel_lose(map);
		map_notify(map);
	} else if (map->state == MAP_MAPPED) {
		map_kernel_restore(map);
	}
	up_write(&map->lock);
	return 0;
}

static int map_restore(struct device *dev)
{
	if (dev->groups == map_groups)
		map_stale(to_map(dev));
	return 0;
}

const struct dev_pm_ops map_pm_ops = {
	.freeze = map_freeze,
	.thaw = map_thaw,
	.restore = map_restore,
};
