/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that the files of map/ share with one another.  The caller of each holds map->lock for
 * write, unless its comment says otherwise.
 */
#ifndef IOMEMGRANT_MAP_INSIDE_H
#define IOMEMGRANT_MAP_INSIDE_H

#include <linux/mm.h>

#include "map.h"

#define MAP_NO_HANDLE	(~(grant_handle_t)0)

/* state.c */
void iomemgrant_map_set_state(struct iomem_map *map, enum map_state state);	/* wakes poll() */
void iomemgrant_map_notify(struct iomem_map *map);	/* queues map->notify, if there is one */
/* Takes the entries of user space away: no fault is running and none can start. */
void iomemgrant_map_zap(struct iomem_map *map);
unsigned int iomemgrant_map_zombies(void);	/* how many there are; any context, no lock */

/* refs.c.  These allocate no memory, but for the first. */
/*
 * Maps all references, or none.  After a failure the state is MAP_REVOKED, or MAP_ZOMBIE when
 * some could not even be given back.
 */
int iomemgrant_map_fill(struct iomem_map *map);
void iomemgrant_map_unmap_refs(struct iomem_map *map);	/* map->nr_held tells what is left */
/* As above @tries times, a few milliseconds apart.  True: none is left. */
bool iomemgrant_map_unmap_refs_patiently(struct iomem_map *map, unsigned int tries);
void iomemgrant_map_forget_refs(struct iomem_map *map);	/* after a restore */

/* list.c, without map->lock.  The first gives the mapping its number and makes it visible. */
int iomemgrant_map_list_add(struct iomem_map *map);
void iomemgrant_map_free_id(u32 id);	/* of a mapping without a VMA; may sleep */

/* users.c.  One driver that uses a mapping. */
struct xen_iomem {
	struct list_head node;		/* map->lock */
	struct iomem_map *map;		/* fixed, referenced */
	bool made_it;			/* fixed: by xen_iomem_map() */
	void __iomem *vaddr;		/* map->lock; read without by the user, see the contract */
	bool lost;			/* map->lock */
	const struct xen_iomem_ops *ops;	/* fixed */
	void *priv;			/* fixed */
};

/* After freeze() and lose() no entry is left. */
void iomemgrant_map_kernel_freeze(struct iomem_map *map);
void iomemgrant_map_kernel_restore(struct iomem_map *map);
void iomemgrant_map_kernel_lose(struct iomem_map *map);
/* These two take map->lock.  -ENODEV: the pages are not there; -ENOMEM. */
int iomemgrant_map_kernel_attach(struct iomem_map *map, struct xen_iomem *user);
void iomemgrant_map_kernel_detach(struct xen_iomem *user);

/*
 * The two ways to map.  prepare() readies host_addr for all pages, finish() is called after Xen
 * accepted them, fault() inserts one page for user space, enter() all of them for the kernel,
 * leave() undoes that, release() undoes prepare().  fault() runs with map->lock held for read,
 * the others for write.
 */
struct map_kind {
	int (*prepare)(struct iomem_map *map);
	u64 (*host_addr)(const struct iomem_map *map, u32 page);
	void (*accepted)(struct iomem_map *map, u32 page, u64 dev_bus_addr);
	int (*finish)(struct iomem_map *map);
	vm_fault_t (*fault)(struct iomem_map *map, struct vm_fault *vmf, u32 page);
	void __iomem *(*enter)(struct iomem_map *map);	/* NULL: it failed */
	void (*leave)(void __iomem *vaddr);
	void (*release)(struct iomem_map *map);
};

extern const struct map_kind iomemgrant_map_kind_pv;
extern const struct map_kind iomemgrant_map_kind_hvm;
/* In state.c: that of this guest.  Any context, no lock. */
const struct map_kind *iomemgrant_map_kind(void);

#endif /* IOMEMGRANT_MAP_INSIDE_H */
