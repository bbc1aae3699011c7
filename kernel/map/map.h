/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings of references that another domain granted, in a guest:
 *
 *	create   how one comes to be               list     all of them, retired ones too
 *	revoke   takes the pages away              refs     has Xen map and unmap references
 *	state    the state of one                  space    the address space they share
 *	users    other drivers that use one        pm       suspend
 *	pv, hvm  how each kind of guest maps
 *
 * use/ has the two ways to use a mapping: mmap, for programs, and api, for other drivers.
 * map/inside.h has what only the files of these two folders call.  A function that gets a
 * mapping takes map->lock, and sleeps, unless its comment says otherwise.
 */
#ifndef IOMEMGRANT_MAP_H
#define IOMEMGRANT_MAP_H

#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/mm_types.h>
#include <linux/rwsem.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <xen/interface/grant_table.h>
#include <xen/iomemgrant.h>

#include "decode.h"

enum map_state {
	MAP_MAPPED,
	MAP_FROZEN,	/* taken away for a suspend, comes back if that is cancelled */
	MAP_REVOKED,	/* every reference given back */
	MAP_ZOMBIE,	/* Xen still counts page table entries: being retried */
	MAP_STALE,	/* restored elsewhere: handles and frames mean nothing */
};

/* Locks are explained at the top of map/create.c. */
struct iomem_map {
	struct device dev;		/* mapN; carries the reference count */
	/* These three: written under both maps_lock and find_lock, read under either. */
	struct list_head node;
	const void *owner;		/* the file, or NULL */
	bool retired;			/* to be freed when unmapped */
	bool pins_module;		/* maps_lock: retired and not unmapped yet */

	struct rw_semaphore lock;
	enum map_state state;		/* lock */
	u32 nr_held;			/* lock: handles that are not MAP_NO_HANDLE */
	grant_handle_t *handles;	/* lock */
	xen_pfn_t *mfns;		/* lock; PV only */
	struct resource window;		/* lock; translated only, parent NULL: none */
	bool memtype;			/* lock: a WC memory type is reserved */
	struct delayed_work *notify;	/* lock: queued when the state changes by itself */
	struct list_head kernel_users;	/* lock */

	atomic_t users;			/* open files, VMAs and drivers */
	wait_queue_head_t changed;

	/* Fixed after iomemgrant_map_create(). */
	u32 id;
	domid_t domid;
	u32 nr;
	bool wc;
	u32 *refs;
	u64 wish;			/* wished first gfn, 0: none */
	s64 devid;			/* XenStore id, -1 for ioctl mappings */
	char label[DECODE_LABEL_MAX + 1];
	uuid_t uuid;

	/* Written by frontend/publication.c, read without a lock. */
	u32 changes;			/* IOMEMGRANT_CHANGED_* that the granter tells of */
};

#define to_map(d) container_of(d, struct iomem_map, dev)

extern const struct attribute_group *iomemgrant_map_groups[];	/* in sysfs.c */

struct map_request {
	domid_t domid;
	bool wc;
	u32 nr;
	u32 *refs;			/* kvmalloc'ed; iomemgrant_map_create() takes it over */
	u64 gfn;
	s64 devid;
	const char *label;
	const uuid_t *uuid;
	const void *owner;
	struct delayed_work *notify;
};

/*
 * create.c.  Takes over request->refs in any case.  The caller gets a reference of the mapping
 * and gives it up with iomemgrant_map_retire() or put_device(); the list holds another.
 * ERR_PTR(): the errno of MAP, and nothing is mapped that could be given back.
 */
struct iomem_map *iomemgrant_map_create(struct map_request *request);

/*
 * list.c.  iomemgrant_map_retire() revokes a mapping and gives up the caller's reference;
 * -EBUSY: Xen still counts entries, and the references are given back later.
 */
int iomemgrant_map_retire(struct iomem_map *map);
int iomemgrant_map_unmap_id(u64 id, const void *owner);
void iomemgrant_map_retire_owner(const void *owner);
/* These return NULL or a mapping whose device the caller puts.  They do not take map->lock. */
struct iomem_map *iomemgrant_map_find(u32 id, const void *owner);	/* one of that file */
struct iomem_map *iomemgrant_map_find_minor(unsigned int minor);
struct iomem_map *iomemgrant_map_find_devid(u64 devid);
bool iomemgrant_map_devid_lingers(u64 devid);	/* Xen still counts entries of one given up */
void iomemgrant_map_exit(void);

/* revoke.c.  0: every reference is given back; -EBUSY: Xen still counts entries. */
int iomemgrant_map_revoke(struct iomem_map *map);
/* This guest was restored: nothing Xen told us before is true any more. */
void iomemgrant_map_stale(struct iomem_map *map);

/* state.c.  The first two do not lock: offset 0 of the mapping in the address space they share. */
u64 iomemgrant_map_base(const struct iomem_map *map);
u64 iomemgrant_map_gfn(const struct iomem_map *map);	/* 0 in a PV guest */
/* After this the work is not queued by the mapping any more. */
void iomemgrant_map_forget_notify(struct iomem_map *map);

/* use/mmap.c.  @first_page of the mapping is at the start of @vma.  Under mmap_lock. */
int iomemgrant_map_mmap(struct iomem_map *map, struct vm_area_struct *vma,
			unsigned long first_page);

/* space.c */
#define SPACE_MINORS (1U << 16)
int iomemgrant_space_init(void);
void iomemgrant_space_exit(void);
struct address_space *iomemgrant_space_mapping(void);	/* of all VMAs of all mappings */
dev_t iomemgrant_space_devt(unsigned int minor);

/* pm.c */
extern const struct dev_pm_ops iomemgrant_map_pm_ops;
void iomemgrant_map_pm_init(void);
void iomemgrant_map_pm_exit(void);

#endif /* IOMEMGRANT_MAP_H */
