/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BARs of which pages are granted, and what the files around them do:
 *
 *	check    may a BAR be granted      hold     keeps it as it is
 *	region   reserves granted pages    place    keeps addresses of what has gone
 *	watch    sees what changes
 *
 * iomemgrant.h includes it.
 */
#ifndef IOMEMGRANT_BAR_H
#define IOMEMGRANT_BAR_H

#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/pci.h>

#include <xen/iomemgrant.h>

#include "range.h"

/* -------------------------------------------------------------- bar/check.c */

/*
 * One BAR that grants hold: enabled, in D0, reserved.  Made by the first grant
 * of the BAR, dropped with the last.  Fields are guarded by iomemgrant_grants_lock unless
 * said otherwise.
 */
struct bar_hold {
	struct list_head node;
	unsigned int users;		/* grants; 0: waits for the device's lock to be powered down */
	struct pci_dev *pdev;		/* fixed, referenced */
	struct pci_dev *pf;		/* fixed, referenced: @pdev, or its physical function */
	struct device *bridge;		/* fixed, referenced: the root windows @place may be in */
	u8 bar;				/* fixed */
	struct byte_range window;		/* fixed: the BAR's pages, in machine addresses */
	struct device_driver *driver;	/* the driver that uses the device, or NULL */
	struct list_head regions;	/* granted pages that are reserved, see bar/region.c */
	bool incomplete;		/* not all of them could be */
	struct resource tail;		/* rest of a page after a small BAR */
	bool counted;			/* we hold an enable count */
	bool powered;			/* and a PM reference */
	bool was_master;		/* bus mastering was on when a driver came */
	bool marked;			/* we marked a virtual function as assigned */
	bool gone;			/* the BAR is not at @window any more */
	struct resource place;		/* then: @window; has a parent while it is reserved */
	bool warned;			/* ... of that */
};

/*
 * All of bar/: caller holds iomemgrant_grants_lock.  iomemgrant_bar_get(),
 * iomemgrant_bar_part() and what else of bar/hold.c looks at the driver: the device's
 * lock, too.
 */
int iomemgrant_bar_get(struct pci_dev *pdev, const struct iomemgrant_grant *request,
		       struct bar_hold **hold);

/* --------------------------------------------------------------- bar/hold.c */

extern struct list_head iomemgrant_bar_holds;

/* The driver that uses the device for dom0, or NULL. */
struct device_driver *iomemgrant_bar_user(const struct pci_dev *pdev);
/* The pages a BAR's registers lie in.  A small BAR gets the whole of its page. */
struct byte_range iomemgrant_bar_window(struct pci_dev *pdev, u8 bar);
bool iomemgrant_bar_moved(const struct bar_hold *hold);
void iomemgrant_bar_recount(struct pci_dev *pdev);
struct bar_hold *iomemgrant_bar_find(struct pci_dev *pdev, u8 bar);
/* Does the device answer at its addresses?  @command is its command register. */
bool iomemgrant_bar_decodes(struct pci_dev *pdev, u16 command);
int iomemgrant_bar_take(struct pci_dev *pdev, const struct iomemgrant_grant *request,
			struct byte_range pages, struct bar_hold **hold);
/* A BAR that is held already: @pages of it, too. */
int iomemgrant_bar_retake(struct bar_hold *hold, struct byte_range pages, u32 allow);
/* Keeps a virtual function from being removed. */
void iomemgrant_bar_mark(struct bar_hold *hold);
/* @pages: those of the grant that lets go.  @locked: the caller holds the device's lock, too. */
void iomemgrant_bar_put(struct bar_hold *hold, struct byte_range pages, bool locked);
void iomemgrant_bar_part(struct bar_hold *hold);	/* the end of one without users */

/* ------------------------------------------------------------- bar/region.c */

bool iomemgrant_bar_reserve(struct bar_hold *hold, struct byte_range pages);
bool iomemgrant_bar_reserve_all(struct bar_hold *hold);	/* the pages of all its grants */
/* A grant of @pages has ended: those that no other grant has are free again. */
void iomemgrant_bar_trim(struct bar_hold *hold, struct byte_range pages);
int iomemgrant_bar_claim_tail(struct bar_hold *hold, u32 allow);
void iomemgrant_bar_release(struct bar_hold *hold);

/* -------------------------------------------------------------- bar/place.c */

bool iomemgrant_bar_place(struct bar_hold *hold);
void iomemgrant_bar_unplace(struct bar_hold *hold);
void iomemgrant_bar_take_out(struct bar_hold *hold, struct pci_dev *bridge);
/* Remembers that @pdev is being removed, and tells whether the PCI core is done with that. */
void iomemgrant_bar_leaving(struct pci_dev *pdev);
bool iomemgrant_bar_still_leaving(void);

/* -------------------------------------------------------------- bar/watch.c */

/* It is not at its addresses any more; @reason is IOMEMGRANT_LOST_*. */
void iomemgrant_bar_lost(struct bar_hold *hold, u32 reason);
/*
 * Looks for changes that have no notifier (a BAR moved, a device assigned) and reserves
 * BARs that a driver has released.  Returns true if it must run again.
 */
bool iomemgrant_bar_settle_all(void);
void iomemgrant_bar_look(void);			/* look every second while a BAR is held */
int iomemgrant_bar_notifier_register(void);
void iomemgrant_bar_notifier_unregister(void);
void iomemgrant_bar_exit(void);			/* takes iomemgrant_grants_lock itself */

#endif /* IOMEMGRANT_BAR_H */
