// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of one mapping, and what every other file of this folder asks about it.
 * Locks are explained in map/create.c.
 */
#include <linux/mm.h>

#include "iomemgrant.h"
#include "inside.h"

static atomic_t zombies = ATOMIC_INIT(0);

/* The id is not used again before the last VMA is gone. */
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

unsigned int iomemgrant_map_zombies(void)
{
	return atomic_read(&zombies);
}

const struct map_kind *iomemgrant_map_kind(void)
{
#ifdef CONFIG_XEN_PV
	if (!iomemgrant_probe_translated())
		return &iomemgrant_map_kind_pv;
#endif
	return &iomemgrant_map_kind_hvm;
}

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

void iomemgrant_map_zap(struct iomem_map *map)
{
	unmap_mapping_range(iomemgrant_space_mapping(), iomemgrant_map_base(map),
			    (loff_t)map->nr << PAGE_SHIFT, 1);
}
