/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grants of BAR pages to other domains, in dom0:
 *
 *	grant    the list, and how a grant ends    make     how one comes to be
 *	label    names of grants                   list     LIST
 *	news     poll()                            lost     grants whose device changed
 *	death    ends grants of the dead           tell     tells guests of lost grants
 *	store    XenStore, which may hang          entry    Xen's marks in grant entries
 *
 * "Locked" below: the caller holds iomemgrant_grants_lock.  The other functions take it.
 */
#ifndef IOMEMGRANT_GRANT_H
#define IOMEMGRANT_GRANT_H

#include <linux/device.h>
#include <linux/uuid.h>
#include <linux/wait.h>

#include <xen/interface/grant_table.h>
#include <xen/iomemgrant.h>

#include "bar/bar.h"

struct poll_table_struct;

/* Locks are explained at the top of grant/grant.c. */
struct grant {
	struct device dev;		/* grantN; carries the reference count */

	/* Guarded by iomemgrant_grants_lock. */
	struct list_head node;
	struct bar_hold *hold;		/* NULL once ended */
	struct bar_use use;
	unsigned long *held;		/* bits: references not yet free */
	u32 nr_held;
	bool ending;			/* end was asked for */
	u32 lost_reason;		/* IOMEMGRANT_LOST_*, 0 while it is not */
	u32 changes;			/* IOMEMGRANT_CHANGED_* */
	u32 told_changes;		/* those the guest was told of */
	bool told;			/* the guest was told that it is lost */
	bool withdrawn;			/* and it is to end, nothing being mapped */
	char label[IOMEMGRANT_LABEL_SIZE];	/* empty: none */
	const void *owner;		/* the file, or NULL */

	/* Fixed before the grant can be found. */
	wait_queue_head_t wait;		/* woken when the last reference is free */
	u64 id;
	u64 offset;
	u64 length;
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

extern const struct attribute_group *iomemgrant_grant_groups[];	/* in sysfs.c */

/* grant.c */
extern struct list_head iomemgrant_grants;	/* locked; in order of id */
/* @look_after has death.c look at all grants soon, without waiting for it. */
void iomemgrant_grant_init(void (*look_after)(void));
void iomemgrant_grant_exit(void);		/* no grant is left */
void iomemgrant_grant_look_after(void);		/* calls that */
void iomemgrant_grant_register(struct grant *g);	/* locked; from here on the list keeps @g */
u32 iomemgrant_grant_refs_held(void);		/* locked */
struct grant *iomemgrant_grant_find(u64 id);	/* locked */
/* Locked.  -EPERM: another file than @owner made it, and the caller may not touch all. */
int iomemgrant_grant_find_owned(u64 id, const void *owner, struct grant **g);
/* Locked.  -EEXIST, -EMEDIUMTYPE: a page of @new is granted already. */
int iomemgrant_grant_check_overlap(const struct grant *new);
/* -EBUSY: it is ending; @wait: sleeps until it has ended, or -EINTR.  *@state is set for both. */
int iomemgrant_grant_end(u64 id, bool wait, const void *owner, u16 *state);
void iomemgrant_grant_end_owner(const void *owner);
/* Ends the grants for which @those is true, which may be none, and tries the ending ones again. */
void iomemgrant_grant_end_those(bool (*those)(const struct grant *g, const void *arg),
				const void *arg);
void iomemgrant_grant_retry_soon(void);		/* locked */
void iomemgrant_grant_count(u32 *nr_grants, u32 *nr_refs);
bool iomemgrant_grant_any(void);		/* any context */
/* Of a grant that the caller keeps from being freed; without a lock. */
u32 iomemgrant_grant_state(const struct grant *g);
u32 iomemgrant_grant_nr_mapped(const struct grant *g);	/* U32_MAX: Xen's marks cannot be read */

/* make.c */
int iomemgrant_grant_create(struct iomemgrant_grant *request, const void *owner);
void iomemgrant_grant_room(struct iomemgrant_info *info);

/* label.c.  @label has IOMEMGRANT_LABEL_SIZE bytes. */
bool iomemgrant_grant_label_valid(const char *label);
/* Locked.  -EALREADY: another grant of the same guest has it. */
int iomemgrant_grant_label_check(const struct grant *own, const char *label);
void iomemgrant_grant_label_copy(const struct grant *g, char *label);	/* takes no such lock */
int iomemgrant_grant_label_set(const struct iomemgrant_label *request, const void *owner);

/* list.c */
int iomemgrant_grant_list(struct iomemgrant_list *list);

/* news.c */
void iomemgrant_grant_announce(void);			/* locked */
void iomemgrant_grant_announce_state(struct grant *g);	/* locked */
u64 iomemgrant_grant_generation(void);			/* any context */
__poll_t iomemgrant_grant_poll(struct file *file, struct poll_table_struct *wait, u64 seen);

/* lost.c */
extern const struct bar_events iomemgrant_grant_bar_events;	/* for iomemgrant_bar_init() */

#endif /* IOMEMGRANT_GRANT_H */
