/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Types and functions that the files of this module share.
 *
 *	main        the module                device     /dev/xen/iomemgrant
 *	sysfs       class iomemgrant          probe      features of Xen
 *
 *	bar/        the BARs, see bar/bar.h
 *
 *	grant/      granting, in dom0:
 *	grant       grants of this domain     make       how one comes to be
 *	label       names of grants           list       LIST
 *	news        poll()                    entry      Xen's marks in grants
 *	lost        whose device changed      tell       tells their guests
 *	store       XenStore, which may hang  death      ends grants of the dead
 *
 *	map/        mapping, in a guest:
 *	create      mappings                  refs       their references
 *	list        all of them               mmap       mmap()
 *	users       use by other drivers      pm         suspend
 *	pv, hvm     how each kind of guest maps
 *
 *	frontend/   what is published to a guest:
 *	frontend    xenbus device "iomem"     publication   what a granter publishes
 *	waiting     publications without a watch  node       /dev/xen/iomem/
 */
#ifndef IOMEMGRANT_H
#define IOMEMGRANT_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <xen/interface/xen.h>
#include <xen/interface/grant_table.h>
#include <xen/xen.h>

#include <xen/iomemgrant.h>

#include "bar/bar.h"
#include "compat.h"
#include "decode.h"
#include "range.h"

/* ------------------------------------------------------------------- main.c */

extern unsigned int iomemgrant_max_pages;
extern unsigned int iomemgrant_max_refs;
extern unsigned int iomemgrant_headroom;

/* Runs what this module defers, but for requests of XenStore.  Freezable: nothing moves during suspend. */
extern struct workqueue_struct *iomemgrant_wq;

/* ---------------------------------------------------------------- device.c */

extern struct miscdevice iomemgrant_device;

/* ------------------------------------------------------------------ probe.c */

bool iomemgrant_probe_iomem_map(void);		/* Xen accepts GNTMAP_iomem_map */
unsigned int iomemgrant_probe_gnttab_version(void);	/* 1 or 2 */
bool iomemgrant_probe_translated(void);		/* HVM or PVH */
bool iomemgrant_probe_domain_exists(domid_t domid);
bool iomemgrant_probe_domain_dying(domid_t domid);
/* Grant frames of this domain: now, and at most. */
int iomemgrant_probe_gnttab_size(u32 *frames, u32 *max_frames);

/* ------------------------------------------------------------ grant/entry.c */

bool iomemgrant_entry_readable(void);
/* 1: Xen marks the entry as in use, 0: it does not, negative: cannot tell. */
int iomemgrant_entry_in_use(grant_ref_t ref);
/* False: what iomemgrant_entry_refuse_maps() does has no effect. */
bool iomemgrant_entry_refusable(void);
/* @ref, which is in use and is to end, cannot be mapped again once it is given back. */
void iomemgrant_entry_refuse_maps(grant_ref_t ref);
void iomemgrant_entry_exit(void);

/* ------------------------------------------------------------ grant/grant.c */

extern struct mutex iomemgrant_grants_lock;
extern struct list_head iomemgrant_grants;	/* iomemgrant_grants_lock */

/* Locks are explained at the top of grant/grant.c; grants_lock is iomemgrant_grants_lock. */
struct grant {
	struct device dev;		/* grantN; carries the reference count */
	struct list_head node;		/* grants_lock */
	struct bar_hold *hold;		/* grants_lock; NULL once ended */
	unsigned long *held;		/* grants_lock: references not yet free */
	u32 nr_held;			/* grants_lock */
	bool ending;			/* grants_lock: end was asked for */
	u32 lost_reason;		/* grants_lock: IOMEMGRANT_LOST_*, 0 while it is not */
	u32 changes;			/* grants_lock: IOMEMGRANT_CHANGED_* */
	bool told;			/* grants_lock: the guest was told that it is lost */
	bool withdrawn;			/* grants_lock: and it is to end, nothing being mapped */
	char label[IOMEMGRANT_LABEL_SIZE];	/* grants_lock; empty: none */
	const void *owner;		/* grants_lock: the file, or NULL */
	wait_queue_head_t wait;		/* woken when the last reference is free */

	/* Fixed before the grant can be found. */
	u64 id;
	u64 offset;
	u64 length;
	struct byte_range pages;
	u64 created;			/* wall clock */
	u64 made;			/* CLOCK_BOOTTIME */
	grant_ref_t first_ref;
	u32 nr_refs;
	u32 flags;
	u32 allow;
	u32 cache;
	u32 uid;
	domid_t domid;
	u16 segment;
	u8 bus;
	u8 devfn;
	u8 bar;
	u16 vendor;
	u16 device;
	u16 subsystem_vendor;
	u16 subsystem_device;
	struct pci_dev *pdev;		/* referenced until the object is freed */
	uuid_t uuid;
};

#define to_grant(d) container_of(d, struct grant, dev)

void iomemgrant_grant_register(struct grant *g);
u32 iomemgrant_grant_refs_held(void);
int iomemgrant_grant_check_overlap(const struct grant *new);
/*
 * Caller holds iomemgrant_grants_lock.  -EPERM: another file made it, and the caller may
 * not touch all.
 */
int iomemgrant_grant_find_owned(u64 id, const void *owner, struct grant **g);
int iomemgrant_grant_end(u64 id, bool wait, const void *owner, u16 *state);
void iomemgrant_grant_end_owner(const void *owner);
void iomemgrant_grant_count(u32 *nr_grants, u32 *nr_refs);
u32 iomemgrant_grant_state(const struct grant *g);
u32 iomemgrant_grant_nr_mapped(const struct grant *g);
struct grant *iomemgrant_grant_find(u64 id);	/* caller holds iomemgrant_grants_lock */
void iomemgrant_grant_retry_soon(void);
void iomemgrant_grant_end_those(bool (*those)(const struct grant *g, const void *arg),
				const void *arg);
bool iomemgrant_grant_any(void);
int iomemgrant_grant_init(void);
void iomemgrant_grant_exit(void);

/* ------------------ grant/make.c, grant/label.c, grant/list.c, grant/news.c */

int iomemgrant_grant_create(struct iomemgrant_grant *request, const void *owner);
bool iomemgrant_grant_label_valid(const char *label);
/* Caller holds iomemgrant_grants_lock.  -EALREADY: another grant of the same guest has it. */
int iomemgrant_grant_label_check(const struct grant *own, const char *label);
/* @label: IOMEMGRANT_LABEL_SIZE bytes */
void iomemgrant_grant_label_copy(const struct grant *g, char *label);
int iomemgrant_grant_label_set(const struct iomemgrant_label *request, const void *owner);
int iomemgrant_grant_list(struct iomemgrant_list *list);
void iomemgrant_grant_announce(void);		/* caller holds iomemgrant_grants_lock */
void iomemgrant_grant_announce_state(struct grant *g);
u64 iomemgrant_grant_generation(void);
__poll_t iomemgrant_grant_poll(struct file *file, struct poll_table_struct *wait, u64 seen);
void iomemgrant_grant_room(struct iomemgrant_info *info);

/* ------------------------------------------------------------- grant/lost.c */

/* The part of a lost grant that grant/tell.c has to know. */
struct lost_grant {
	u64 id;
	domid_t domid;
	grant_ref_t first_ref;
	u32 nr_refs;
};

/* Keeps grants with a bit of @allow, and those of @domid.  Caller holds iomemgrant_grants_lock. */
void iomemgrant_grant_lose(const struct bar_hold *hold, u32 reason, u32 allow, int domid);
void iomemgrant_grant_note_changes(const struct bar_hold *hold, u32 changes);	/* the same */
bool iomemgrant_grant_any_of_no_use(void);	/* the same */
/* Has @tell tell the guest of every lost grant, once, with no lock held. */
void iomemgrant_grant_each_lost(bool (*tell)(const struct lost_grant *grant));
/* Ends the lost grants no guest needs, each after @withdraw was true, called with no lock held. */
void iomemgrant_grant_each_of_no_use(bool (*withdraw)(const struct lost_grant *grant));

/* ------------------------------------------------------------ grant/store.c */

extern struct workqueue_struct *iomemgrant_store_wq;	/* its workers may wait for xenstored */

bool iomemgrant_store_ready(void);
int iomemgrant_store_read_uuid(domid_t domid, uuid_t *uuid);	/* on iomemgrant_store_wq only */
int iomemgrant_store_ask_uuid(domid_t domid, uuid_t *uuid);	/* waits with a limit */
int iomemgrant_store_init(void);
void iomemgrant_store_exit(void);

/* ------------------------------------------------------------ grant/death.c */

void iomemgrant_death_check_later(void);
void iomemgrant_death_check_now(void);
void iomemgrant_death_exit(void);

/* ------------------------------------------------------------- grant/tell.c */

void iomemgrant_lost_settle_all(void);		/* on iomemgrant_store_wq only */

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

/* ------------------------------------------------------------------ sysfs.c */

extern struct class iomemgrant_class;
extern const struct attribute_group *iomemgrant_grant_groups[];
extern const struct attribute_group *iomemgrant_map_groups[];

#endif /* IOMEMGRANT_H */
