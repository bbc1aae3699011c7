// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking the pages of a mapping away from all who use them.
 */
#include "iomemgrant.h"
#include "inside.h"

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
