/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data and functions that every file of this module may use.  These are its parts, of which
 * each includes and calls only those below it:
 *
 *	main.c, device.c    the module, /dev/xen/iomemgrant
 *	sysfs.c             class iomemgrant
 *	frontend/           grants published to this guest, /dev/xen/iomem/
 *	map/                mapping, in a guest
 *	grant/              granting, in dom0
 *	bar/                the BARs of which pages are granted, in dom0
 *	probe.c             the features of Xen
 *	range.h, decode.h   arithmetic and decoding, also compiled in user space
 *	compat.h            differences between kernels
 */
#ifndef IOMEMGRANT_H
#define IOMEMGRANT_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/wait.h>
#include <linux/uuid.h>
#include <linux/rwsem.h>
#include <linux/ioport.h>
#include <linux/cdev.h>

#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include <xen/iomemgrant.h>

#include "compat.h"
#include "decode.h"
#include "range.h"

/* ------------------------------------------------------------------ main.c */

/* Module parameters.  They may change at any time. */
extern unsigned int iomemgrant_max_pages;
extern unsigned int iomemgrant_max_refs;
extern unsigned int iomemgrant_headroom;

/* Guards all of bar/ and grant/; the head of grant/grant.c says what it is taken inside of. */
extern struct mutex iomemgrant_grants_lock;

/* Runs work that this module defers, but for requests of XenStore.  It freezes during suspend. */
extern struct workqueue_struct *iomemgrant_wq;

/* ---------------------------------------------------------------- device.c */

extern struct miscdevice iomemgrant_device;

/* ----------------------------------------------------------------- sysfs.c */

extern struct class iomemgrant_class;

/* ----------------------------------------------------------------- probe.c */

/* They ask Xen anew each time.  Any context. */
bool iomemgrant_probe_iomem_map(void);		/* Xen accepts GNTMAP_iomem_map */
unsigned int iomemgrant_probe_gnttab_version(void);	/* of this domain: 1 or 2 */
bool iomemgrant_probe_translated(void);		/* this domain is HVM or PVH */
bool iomemgrant_probe_domain_exists(domid_t domid);
bool iomemgrant_probe_domain_dying(domid_t domid);
/* Grant frames of this domain: now, and at most.  -EIO: Xen does not tell. */
int iomemgrant_probe_gnttab_size(u32 *frames, u32 *max_frames);

/* ------------------------------------------------------------- map/create.c */

enum map_state {
	MAP_MAPPED,
	MAP_FROZEN,	/* taken away for a suspend, comes back if that is cancelled */
	MAP_REVOKED,	/* every reference given back */
	MAP_ZOMBIE,	/* Xen still counts page table entries: being retried */
	MAP_STALE,	/* restored elsewhere: handles and frames mean nothing */
};

#define MAP_NO_HANDLE	(~(grant_handle_t)0)

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
};

#define to_map(d) container_of(d, struct iomem_map, dev)

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

struct iomem_map *iomemgrant_map_create(struct map_request *request);
void iomemgrant_map_forget_notify(struct iomem_map *map);
int iomemgrant_map_revoke(struct iomem_map *map);
void iomemgrant_map_stale(struct iomem_map *map);
u64 iomemgrant_map_base(const struct iomem_map *map);
u64 iomemgrant_map_gfn(const struct iomem_map *map);
/* The next three: map->lock held for write. */
void iomemgrant_map_set_state(struct iomem_map *map, enum map_state state);
void iomemgrant_map_notify(struct iomem_map *map);
void iomemgrant_map_zap(struct iomem_map *map);
unsigned int iomemgrant_map_zombies(void);

/* --------------------------------------------------------------- map/list.c */

int iomemgrant_map_list_add(struct iomem_map *map);
int iomemgrant_map_retire(struct iomem_map *map);
void iomemgrant_map_free_id(u32 id);
int iomemgrant_map_unmap_id(u64 id, const void *owner);
void iomemgrant_map_retire_owner(const void *owner);
struct iomem_map *iomemgrant_map_find(u32 id, const void *owner);
struct iomem_map *iomemgrant_map_find_minor(unsigned int minor);
struct iomem_map *iomemgrant_map_find_devid(u64 devid);
bool iomemgrant_map_devid_lingers(u64 devid);
void iomemgrant_map_exit(void);

/* --------------------------------------------------------------- map/refs.c */

/* All of them: map->lock held for write. */
int iomemgrant_map_fill(struct iomem_map *map);
void iomemgrant_map_unmap_refs(struct iomem_map *map);
void iomemgrant_map_forget_refs(struct iomem_map *map);
bool iomemgrant_map_unmap_refs_patiently(struct iomem_map *map, unsigned int tries);

/* ----------------------------------------------------- map/mmap.c, map/pm.c */

int iomemgrant_map_mmap(struct iomem_map *map, struct vm_area_struct *vma,
			unsigned long first_page);
extern const struct dev_pm_ops iomemgrant_map_pm_ops;
void iomemgrant_map_pm_init(void);
void iomemgrant_map_pm_exit(void);

/* -------------------------------------------------------------- map/users.c */

/* All of them: map->lock held for write.  After freeze() and lose() no entry is left. */
void iomemgrant_map_kernel_freeze(struct iomem_map *map);
void iomemgrant_map_kernel_restore(struct iomem_map *map);
void iomemgrant_map_kernel_lose(struct iomem_map *map);

/* ------------------------------------------------------ map/pv.c, map/hvm.c */

/*
 * The two ways to map.  prepare() readies host_addr for all pages, finish() is
 * called after Xen accepted them, fault() inserts one page for user space, enter()
 * all of them for the kernel, leave() undoes that, release() undoes prepare().  All
 * run with map->lock held: fault() for read, others for write.
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
/* In map/refs.c: that of this guest. */
const struct map_kind *iomemgrant_map_kind(void);

/* ---------------------------------------------------------- frontend/node.c */

#define NODE_MINORS (1U << 16)

int iomemgrant_node_init(void);
void iomemgrant_node_exit(void);
/* All VMAs of all mappings live in this one address space. */
struct address_space *iomemgrant_node_mapping(void);
dev_t iomemgrant_node_devt(const struct iomem_map *map);

/* --------------------------------------------------------- frontend/publication.c */

struct xenbus_device;

/*
 * Reads and checks what @dev's backend publishes for device @id.  @label has room for
 * DECODE_LABEL_MAX + 1 bytes.  On success @request->refs is the caller's; on
 * failure nothing is allocated and *@what says which part was wrong.
 */
int iomemgrant_publication_read(const struct xenbus_device *dev, u64 id,
				struct map_request *request, char *label, uuid_t *uuid,
				const char **what);

/* ------------------------------------------------------ frontend/frontend.c */

int iomemgrant_frontend_init(void);
void iomemgrant_frontend_exit(void);

/* ------------------------------------------------------- frontend/waiting.c */

/* In `error` of a publication that waits; the granter's command knows its first two words. */
#define WAITING_ERROR "ENOSPC watches: xenstored lets this guest have no more watches"

void iomemgrant_waiting_begin(const struct xenbus_device *dev);
void iomemgrant_waiting_retry(void);
void iomemgrant_waiting_exit(void);

extern const struct attribute_group *iomemgrant_map_groups[];

#endif /* IOMEMGRANT_H */
