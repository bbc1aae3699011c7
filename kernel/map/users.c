// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other drivers of this kernel that use a mapping.
 *
 * Each user has an address range of its own, and is told before it goes.  All of it
 * happens under map->lock, held for write, like every other change of a mapping.
 */
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <xen/iomemgrant_map.h>

#include "iomemgrant.h"
#include "inside.h"

static void leave(struct xen_iomem *user)
{
	if (!user->vaddr)
		return;
	iomemgrant_map_kind()->leave(user->vaddr);
	WRITE_ONCE(user->vaddr, NULL);
	/* Xen counts the entries until the last TLB may have forgotten them. */
	vm_unmap_aliases();
}

void iomemgrant_map_kernel_freeze(struct iomem_map *map)
{
	struct xen_iomem *user;

	lockdep_assert_held_write(&map->lock);
	list_for_each_entry(user, &map->kernel_users, node) {
		if (user->lost)
			continue;
		if (user->ops && user->ops->freeze)
			user->ops->freeze(user->priv);
		leave(user);
	}
}

static void lose(struct xen_iomem *user)
{
	if (user->lost)
		return;
	user->lost = true;
	if (user->ops && user->ops->lost)
		user->ops->lost(user->priv);
	leave(user);
}

void iomemgrant_map_kernel_restore(struct iomem_map *map)
{
	struct xen_iomem *user;

	lockdep_assert_held_write(&map->lock);
	list_for_each_entry(user, &map->kernel_users, node) {
		if (user->lost)
			continue;
		WRITE_ONCE(user->vaddr, iomemgrant_map_kind()->enter(map));
		if (!user->vaddr)
			lose(user);
		else if (user->ops && user->ops->restore)
			user->ops->restore(user->priv);
	}
}

void iomemgrant_map_kernel_lose(struct iomem_map *map)
{
	struct xen_iomem *user;

	lockdep_assert_held_write(&map->lock);
	list_for_each_entry(user, &map->kernel_users, node)
		lose(user);
}

int iomemgrant_map_kernel_attach(struct iomem_map *map, struct xen_iomem *user)
{
	int rc = 0;

	down_write(&map->lock);
	if (map->state != MAP_MAPPED) {
		rc = -ENODEV;
	} else {
		user->vaddr = iomemgrant_map_kind()->enter(map);
		if (!user->vaddr)
			rc = -ENOMEM;
	}
	if (!rc) {
		user->map = map;
		list_add(&user->node, &map->kernel_users);
		atomic_inc(&map->users);
	}
	up_write(&map->lock);
	return rc;
}

void iomemgrant_map_kernel_detach(struct xen_iomem *user)
{
	struct iomem_map *map = user->map;

	down_write(&map->lock);
	list_del(&user->node);
	leave(user);
	up_write(&map->lock);
	atomic_dec(&map->users);
}
