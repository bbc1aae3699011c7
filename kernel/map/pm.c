// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend of the guest that maps.
 *
 * A PV guest that is saved with an entry for device memory loses the whole page
 * table of that entry, and with it ordinary memory, silently.  So the freeze
 * callback takes everything away.  A cancelled suspend maps again, entries come back
 * on the next touch.  After a restore, handles and frames mean nothing: the mapping
 * is stale for ever.
 *
 * A page that cannot be taken away makes the suspend fail, but only in its last step.  Xen's
 * do_suspend() thaws all devices after an error there.  After one of a freeze callback
 * it leaves those frozen that came before.
 */
#include <linux/device.h>

#include "compat.h"
#include "iomemgrant.h"
#include "inside.h"

static int map_freeze(struct device *dev)
{
	struct iomem_map *map;

	if (dev->groups != iomemgrant_map_groups)
		return 0;
	map = to_map(dev);
	down_write(&map->lock);
	if (map->state == MAP_MAPPED) {
		iomemgrant_map_zap(map);
		iomemgrant_map_kernel_freeze(map);
		iomemgrant_map_set_state(map, MAP_FROZEN);
		if (!iomemgrant_map_unmap_refs_patiently(map, 20)) {
			iomemgrant_map_set_state(map, MAP_ZOMBIE);
			iomemgrant_map_kernel_lose(map);
			iomemgrant_map_notify(map);
		}
	}
	if (map->state == MAP_ZOMBIE && iomemgrant_map_unmap_refs_patiently(map, 5))
		iomemgrant_map_set_state(map, MAP_REVOKED);
	up_write(&map->lock);
	return 0;
}

static int map_thaw(struct device *dev)
{
	struct iomem_map *map;

	if (dev->groups != iomemgrant_map_groups)
		return 0;
	map = to_map(dev);
	down_write(&map->lock);
	if (map->state == MAP_FROZEN) {
		if (!iomemgrant_map_fill(map)) {
			iomemgrant_map_kernel_restore(map);
		} else {
			pr_warn("map%u: could not be mapped again after a cancelled suspend\n",
				map->id);
			iomemgrant_map_kernel_lose(map);
			iomemgrant_map_notify(map);
		}
	}
	up_write(&map->lock);
	return 0;
}

static int map_restore(struct device *dev)
{
	if (dev->groups == iomemgrant_map_groups)
		iomemgrant_map_stale(to_map(dev));
	return 0;
}

const struct dev_pm_ops iomemgrant_map_pm_ops = {
	.freeze = map_freeze,
	.thaw = map_thaw,
	.restore = map_restore,
};

/* One CPU is left, and interrupts are off.  Retired mappings have no callback above. */
static int map_last_look(SYSCORE_ARGUMENT)
{
	unsigned int nr = iomemgrant_map_zombies();

	if (!nr)
		return 0;
	/* Better no suspend than a guest that loses memory by it. */
	pr_err("suspend refused: Xen still counts page table entries of %u mappings\n", nr);
	return -EBUSY;
}

static struct syscore_ops map_syscore_ops = { .suspend = map_last_look };
static struct syscore map_syscore = { .ops = &map_syscore_ops };

void iomemgrant_map_pm_init(void)
{
	register_syscore(&map_syscore);
}

void iomemgrant_map_pm_exit(void)
{
	unregister_syscore(&map_syscore);
}
