/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XenStore and Xen as grants need them, in dom0: store.c, death.c, tell.c and entry.c.
 */
#ifndef IOMEMGRANT_GRANT_OUTSIDE_H
#define IOMEMGRANT_GRANT_OUTSIDE_H

#include <linux/types.h>
#include <linux/uuid.h>

#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>

/* store.c */
extern struct workqueue_struct *iomemgrant_store_wq;	/* its workers may wait for xenstored */
int iomemgrant_store_init(void);
void iomemgrant_store_exit(void);	/* runs what is queued to its end */
/* xenstored can be asked: it has been started, or is expected to be.  Any context. */
bool iomemgrant_store_ready(void);
/* On iomemgrant_store_wq only.  -ENOENT: XenStore knows no such domain. */
int iomemgrant_store_read_uuid(domid_t domid, uuid_t *uuid);
/*
 * The UUID of @domid, or zeros when XenStore has none or has not been started.  Sleeps for
 * five seconds at most, and until a signal.  -ETIMEDOUT: xenstored does not answer;
 * -ERESTARTSYS; -ENOMEM.
 */
int iomemgrant_store_ask_uuid(domid_t domid, uuid_t *uuid);

/* death.c.  The caller of the first two holds the module, be it by a grant or by an open file. */
void iomemgrant_death_check_later(void);	/* a grant was made: keeps an eye on its domain */
void iomemgrant_death_check_now(void);	/* the last grant has gone, or a guest is to be told */
void iomemgrant_death_exit(void);	/* no grant is left, and iomemgrant_store_wq is gone */

/* tell.c, on iomemgrant_store_wq only */
void iomemgrant_lost_settle_all(void);

/* lost.c.  The part of a grant that tell.c has to know: */
struct grant_to_tell {
	u64 id;
	u64 made;			/* CLOCK_BOOTTIME */
	domid_t domid;
	grant_ref_t first_ref;
	u32 nr_refs;
	u32 changes;			/* IOMEMGRANT_CHANGED_* */
};

bool iomemgrant_grant_exists(u64 id);
/* Has @tell tell the guest of every lost grant, once, with no lock held. */
void iomemgrant_grant_each_lost(bool (*tell)(const struct grant_to_tell *grant));
/* Has @tell tell the guest of every grant whose changes it does not know, with no lock held. */
void iomemgrant_grant_each_changed(bool (*tell)(const struct grant_to_tell *grant));
/* Ends the lost grants no guest needs, each after @withdraw was true, called with no lock held. */
void iomemgrant_grant_each_of_no_use(bool (*withdraw)(const struct grant_to_tell *grant));

/* entry.c */
bool iomemgrant_entry_readable(void);
/* 1: Xen marks the entry as in use, 0: it does not, negative: cannot tell. */
int iomemgrant_entry_in_use(grant_ref_t ref);
/* False: what iomemgrant_entry_refuse_maps() does has no effect. */
bool iomemgrant_entry_refusable(void);
/* @ref, which is in use and is to end, cannot be mapped again once it is given back. */
void iomemgrant_entry_refuse_maps(grant_ref_t ref);
void iomemgrant_entry_exit(void);

#endif /* IOMEMGRANT_GRANT_OUTSIDE_H */
