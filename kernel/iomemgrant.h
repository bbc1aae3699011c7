/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Data and functions that every file of this module may use.  These are its parts, of which
 * each includes and calls only those below it:
 *
 *	main.c, device.c    the module, /dev/xen/iomemgrant
 *	sysfs.c             class iomemgrant
 *	frontend/           grants published to this guest, /dev/xen/iomem/
 *	use/                mmap() of a mapping, and the functions for other drivers
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

#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include <xen/iomemgrant.h>

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

#endif /* IOMEMGRANT_H */
