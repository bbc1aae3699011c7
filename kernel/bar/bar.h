/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * BARs of which pages are granted, in dom0:
 *
 *	check    may pages of a BAR be granted     hold     keeps a BAR as it is
 *	region   reserves granted pages            place    keeps addresses of what has gone
 *	watch    sees what changes
 *
 * The caller of each function holds iomemgrant_grants_lock, unless its comment says otherwise.
 */
#ifndef IOMEMGRANT_BAR_H
#define IOMEMGRANT_BAR_H

#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/pci.h>

#include <xen/iomemgrant.h>

#include "range.h"

/*
 * One BAR that grants hold: enabled, in D0, reserved.  Made by the first grant of the BAR,
 * dropped with the last.  iomemgrant_grants_lock guards the fields that are not fixed.
 */
struct bar_hold {
	struct list_head node;
	struct list_head uses;		/* bar_use.node; none: waits to be powered down */
	struct pci_dev *pdev;		/* fixed, referenced */
	struct pci_dev *pf;		/* fixed, referenced: @pdev, or its physical function */
	struct device *bridge;		/* fixed, referenced: the root windows @place may be in */
	u8 bar;				/* fixed */
	struct byte_range window;	/* fixed: the BAR's pages, in machine addresses */
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

/* Pages of a BAR that one grant has.  Part of the grant; in the list from get to put. */
struct bar_use {
	struct list_head node;		/* bar_hold.uses */
	struct byte_range pages;	/* in machine addresses */
};

/*
 * News of BARs for their grants.  Each callback runs under iomemgrant_grants_lock and neither
 * waits for a guest or XenStore nor ends a grant.
 */
struct bar_events {
	/* The grants of @hold are lost for @reason, but those with a bit of @allow or of @domid. */
	void (*lost)(const struct bar_hold *hold, u32 reason, u32 allow, int domid);
	/* IOMEMGRANT_CHANGED_* that are true of @hold now. */
	void (*changed)(const struct bar_hold *hold, u32 changes);
	/* iomemgrant_bar_settle_all() has to run soon, outside of the device's lock. */
	void (*settle_soon)(void);
	/* All BARs were looked at, as happens every second. */
	void (*looked)(void);
};

/*
 * Checks that pages of a BAR may be granted and has the BAR held.  The caller holds the device's
 * lock, too.  0: *@hold is the caller's until iomemgrant_bar_put(), and @use is in its list.
 * Else an errno of GRANT, and nothing is held.  May resume the device, which sleeps.
 */
int iomemgrant_bar_get(struct pci_dev *pdev, const struct iomemgrant_grant *request,
		       struct bar_use *use, struct bar_hold **hold);
/* Lets go; @hold may be freed.  @locked: the caller holds the device's lock, too. */
void iomemgrant_bar_put(struct bar_hold *hold, struct bar_use *use, bool locked);
/*
 * Looks for changes that have no notifier (a BAR moved, a device assigned) and reserves
 * BARs that a driver has released.  Returns true if it must run again.
 */
bool iomemgrant_bar_settle_all(void);
/* Begins to watch the PCI bus and to call @events.  Called without a lock, as are the next two. */
int iomemgrant_bar_init(const struct bar_events *events);
void iomemgrant_bar_stop(void);		/* the bus is not watched any more */
void iomemgrant_bar_exit(void);		/* no grant is left; waits for devices' locks */

/* ------------------------------------------- for the files of this folder alone */

extern struct list_head iomemgrant_bar_holds;
extern const struct bar_events *iomemgrant_bar_events;

/* hold.c.  bar_take(), bar_retake() and bar_part(): the caller holds the device's lock, too. */
int iomemgrant_bar_take(struct pci_dev *pdev, const struct iomemgrant_grant *request,
			struct byte_range pages, struct bar_hold **hold);
int iomemgrant_bar_retake(struct bar_hold *hold, struct byte_range pages, u32 allow);
void iomemgrant_bar_part(struct bar_hold *hold);	/* frees one without uses */
void iomemgrant_bar_mark(struct bar_hold *hold);	/* keeps a virtual function from removal */
void iomemgrant_bar_recount(struct pci_dev *pdev);
struct bar_hold *iomemgrant_bar_find(struct pci_dev *pdev, u8 bar);
bool iomemgrant_bar_moved(const struct bar_hold *hold);
void iomemgrant_bar_unplace(struct bar_hold *hold);
/* The driver that uses the device for dom0, or NULL. */
struct device_driver *iomemgrant_bar_user(const struct pci_dev *pdev);
/* The pages a BAR's registers lie in.  A small BAR gets the whole of its page. */
struct byte_range iomemgrant_bar_window(struct pci_dev *pdev, u8 bar);
/* Does the device answer at its addresses?  @command is its command register. */
bool iomemgrant_bar_decodes(struct pci_dev *pdev, u16 command);

/* region.c.  False: some pages belong to another resource; the others are reserved. */
bool iomemgrant_bar_reserve(struct bar_hold *hold, struct byte_range pages);
bool iomemgrant_bar_reserve_all(struct bar_hold *hold);	/* the pages of all its grants */
void iomemgrant_bar_trim(struct bar_hold *hold, struct byte_range pages);
int iomemgrant_bar_claim_tail(struct bar_hold *hold, u32 allow);
void iomemgrant_bar_release(struct bar_hold *hold);

/* place.c.  iomemgrant_bar_place() returns true if it must run again. */
bool iomemgrant_bar_place(struct bar_hold *hold);
void iomemgrant_bar_take_out(struct bar_hold *hold, struct pci_dev *bridge);
void iomemgrant_bar_leaving(struct pci_dev *pdev);	/* @pdev is being removed */
bool iomemgrant_bar_still_leaving(void);	/* and the PCI core is not done with it */

/* watch.c.  The BAR is not at its addresses any more; @reason is IOMEMGRANT_LOST_*. */
void iomemgrant_bar_lost(struct bar_hold *hold, u32 reason);
void iomemgrant_bar_look(void);		/* looks every second while a BAR is held */

#endif /* IOMEMGRANT_BAR_H */
