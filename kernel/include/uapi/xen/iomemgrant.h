/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * xen_iomemgrant: grant pages of a PCI BAR to another Xen domain, and map
 * pages that were granted to this one.
 *
 * All calls go to /dev/xen/iomemgrant.  The granting half works in the hardware
 * domain, the mapping half in any Xen guest; INFO tells which half is there.
 *
 * Rules for every call:
 *  - The argument starts with `size`, set by the caller to sizeof() of the
 *    structure it was compiled with.  The kernel takes a larger one when the part
 *    it does not know is zero, and writes back no more than `size`.
 *  - Reserved fields and unknown flag bits must be zero.
 *  - Layout is the same for 32 and 64 bit callers.
 *  - Buffer addresses are user pointers carried in a __u64.
 *  - On failure nothing has changed, unless the errno's text says otherwise.
 *
 * Errnos of every call; each structure names those that are particular to it:
 *  - ENOTTY the module has no such command
 *  - EINVAL `size` is less than the first published one, a reserved field or an
 *    unknown flag is not zero, or a field has a value that it cannot have
 *  - E2BIG  `size` is larger than the kernel's structure and the rest is not zero,
 *    or it is larger than a page
 *  - EFAULT the argument, or a buffer it names, is not the caller's memory
 *  - ENOMEM the kernel has no memory
 *
 * No call takes a frame number to grant: user space names a device, a BAR and a
 * byte range of it, the kernel derives the frames.
 */
#ifndef _UAPI_XEN_IOMEMGRANT_H
#define _UAPI_XEN_IOMEMGRANT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMEMGRANT_DEVICE	"/dev/xen/iomemgrant"
#define IOMEMGRANT_API_VERSION	1

/* Values of iomemgrant_info.caps. */
#define IOMEMGRANT_CAP_GRANT		(1U << 0) /* this domain may grant BARs */
#define IOMEMGRANT_CAP_HYPERVISOR	(1U << 1) /* Xen accepts GNTMAP_iomem_map */
#define IOMEMGRANT_CAP_TRANSLATED	(1U << 2) /* this domain is HVM or PVH */
#define IOMEMGRANT_CAP_MAPPED_COUNT	(1U << 3) /* nr_mapped below is Xen's word */
#define IOMEMGRANT_CAP_LOCKED_DOWN	(1U << 4) /* lockdown forbids GRANT, MAP and mmap() */

/**
 * struct iomemgrant_info - what this module and hypervisor can do
 * @size:           IN  sizeof(struct iomemgrant_info)
 * @api_version:    OUT IOMEMGRANT_API_VERSION of the module
 * @caps:           OUT IOMEMGRANT_CAP_*
 * @gnttab_version: OUT version of this domain's grant table: 1 or 2
 * @max_pages:      OUT most pages one grant or mapping may have (module parameter)
 * @max_refs:       OUT most references all grants may hold (module parameter)
 * @nr_refs:        OUT references held now, those still being ended included
 * @nr_grants:      OUT grants that exist now, those still being ended included
 * @frames:         OUT grant frames this domain's table has now
 * @max_frames:     OUT grant frames it can grow to
 * @headroom:       OUT how many of these are left to other drivers
 * @refs_per_frame: OUT references in a frame
 * @refs_left:      OUT references that new grants may still take together: the least
 *                  of what @max_refs and the frames leave.  0 where this domain may
 *                  not grant.  One grant has to find that many in a row.
 * @reserved:       OUT 0
 *
 * A module older than the fields from @frames on leaves them as they were.
 *
 * errno: as for every call.
 */
struct iomemgrant_info {
	__u32 size;
	__u32 api_version;
	__u32 caps;
	__u32 gnttab_version;
	__u32 max_pages;
	__u32 max_refs;
	__u32 nr_refs;
	__u32 nr_grants;
	__u32 frames;
	__u32 max_frames;
	__u32 headroom;
	__u32 refs_per_frame;
	__u32 refs_left;
	__u32 reserved;
};

#define IOMEMGRANT_INFO_SIZE_1	32 /* up to nr_grants: as first published */

/* Values of iomemgrant_grant.flags. */
#define IOMEMGRANT_PERSIST	(1U << 0) /* outlive the file descriptor */
#define IOMEMGRANT_READ_ONLY	(1U << 1) /* EOPNOTSUPP: Xen's ABI has no such grant */
#define IOMEMGRANT_SHARE	(1U << 2) /* pages granted to another domain are fine */

/* Values of iomemgrant_grant.allow: safety checks the caller overrides. */
#define IOMEMGRANT_ALLOW_DRIVER_BOUND	(1U << 0)
#define IOMEMGRANT_ALLOW_DMA		(1U << 1)
#define IOMEMGRANT_ALLOW_MSIX		(1U << 2) /* reserved: EOPNOTSUPP */
#define IOMEMGRANT_ALLOW_SHARED_PAGE	(1U << 3)
#define IOMEMGRANT_ALLOW_CRITICAL	(1U << 4) /* checked by user space only */
#define IOMEMGRANT_ALLOW_DECODE_OFF	(1U << 5)

/* Values of iomemgrant_grant.cache. */
#define IOMEMGRANT_CACHE_UC	0 /* uncached */
#define IOMEMGRANT_CACHE_WC	1 /* write-combining */

#define IOMEMGRANT_MIN_ID_MAX	((1ULL << 53) - 1) /* every id is exact as a double */
#define IOMEMGRANT_LABEL_SIZE	64 /* bytes of a label with its NUL */

/**
 * struct iomemgrant_grant - grant pages of a BAR to a domain
 * @size:      IN  sizeof(struct iomemgrant_grant)
 * @flags:     IN  IOMEMGRANT_PERSIST, IOMEMGRANT_SHARE
 * @segment:   IN  PCI segment ("domain" in Linux's words)
 * @bus:       IN  PCI bus
 * @devfn:     IN  device << 3 | function
 * @bar:       IN  0 to 5
 * @reserved:  IN  0
 * @domid:     IN  the domain that may map the pages
 * @offset:    IN  byte offset into the BAR, multiple of 4096
 * @length:    IN  bytes, multiple of 4096, not 0
 * @refs:      IN  address of __u32[@nr_refs] to fill with the references, or 0
 * @nr_refs:   IN  room at @refs; OUT references made, one a page
 * @first_ref: OUT first reference; the references are consecutive
 * @id:        OUT names the grant: 1 or more, and larger than every id the module gave
 *             since it was loaded
 * @allow:     IN  IOMEMGRANT_ALLOW_*
 * @order:     IN  0 (larger orders: EOPNOTSUPP)
 * @min_id:    IN  @id shall be larger than this, at most IOMEMGRANT_MIN_ID_MAX.  A caller
 *             that keeps the highest id it has seen gets no id twice, also after the
 *             module was loaded again.
 * @cache:     IN  IOMEMGRANT_CACHE_*: how the guest is told to map the pages.  Xen lets
 *             the guest choose; the module lists it, and refuses two guests that would
 *             map one page differently.
 * @reserved2: IN  0
 * @label:     IN  a name, ended by a NUL byte, or empty: 1 to 63 of [A-Za-z0-9._-], the
 *             first one a letter or digit
 *
 * A caller compiled before @min_id gets a grant without a label, for uncached mapping.
 *
 * While the grant exists and is not LOST, the device stays enabled and in D0, and the
 * granted pages stay reserved.  A LOST grant that the guest was told of and does not map
 * any more ends by itself.
 *
 * errno: EINVAL @domid is this domain, too; EOPNOTSUPP read-only, order, or Xen
 * lacks GNTMAP_iomem_map; EPERM no CAP_SYS_RAWIO, kernel locked down, or pages
 * of an MSI-X table or PBA; ENODEV no such device, or not the hardware domain;
 * ENXIO no such memory BAR, or it has no address; ERANGE past the end of the BAR;
 * ESRCH no such domain; EBUSY the BAR is reserved by another driver, the
 * device is assigned to a guest or driven by a driver (without
 * ALLOW_DRIVER_BOUND); EEXIST a page is granted to another domain already
 * (without SHARE) or to this one; EMEDIUMTYPE a page is granted to another domain
 * with another @cache; EALREADY another grant of @domid has this label;
 * EACCES bus mastering is on (without ALLOW_DMA);
 * EHOSTDOWN memory decoding is off (without ALLOW_DECODE_OFF), or the module cannot turn
 * it on;
 * ENOTUNIQ a page is shared with another resource (without ALLOW_SHARED_PAGE);
 * EOVERFLOW frame number too wide for this grant table version;
 * EFBIG more than max_pages; EDQUOT max_refs reached; ENOSPC grant table full;
 * EADDRNOTAVAIL the frames are not MMIO; ETIMEDOUT xenstored, which knows the domain's
 * UUID, does not answer; EINTR a signal arrived while it was asked, or while a driver's
 * probe kept the device locked.
 */
struct iomemgrant_grant {
	__u32 size;
	__u32 flags;
	__u16 segment;
	__u8  bus;
	__u8  devfn;
	__u8  bar;
	__u8  reserved;
	__u16 domid;
	__u64 offset;
	__u64 length;
	__u64 refs;
	__u32 nr_refs;
	__u32 first_ref;
	__u64 id;
	__u32 allow;
	__u32 order;
	__u64 min_id;
	__u32 cache;
	__u32 reserved2;
	char  label[IOMEMGRANT_LABEL_SIZE];
};

#define IOMEMGRANT_GRANT_SIZE_1	64 /* up to order: as first published */

/* States of a grant. */
#define IOMEMGRANT_ENDED	0 /* gone: all references are free again */
#define IOMEMGRANT_LIVE		1
#define IOMEMGRANT_ENDING	2 /* end was asked for, the other domain still maps */
#define IOMEMGRANT_LOST		3 /* its device, place or driver changed; references remain */

/* Why a grant is LOST: values of iomemgrant_entry.lost_reason. */
#define IOMEMGRANT_LOST_NOT		0 /* it is not */
#define IOMEMGRANT_LOST_DEVICE_GONE	1 /* the device was pulled or removed */
#define IOMEMGRANT_LOST_MOVED		2 /* the BAR has other addresses now */
#define IOMEMGRANT_LOST_DRIVER_LEFT	3 /* the driver that lent the BAR was unbound */
#define IOMEMGRANT_LOST_DRIVER_CAME	4 /* a driver was bound, without ALLOW_DRIVER_BOUND */
#define IOMEMGRANT_LOST_ASSIGNED	5 /* the device was assigned to another guest */

/* Changes since the grant was made: bits of iomemgrant_entry.changes. */
#define IOMEMGRANT_CHANGED_BUS_MASTER	(1U << 0) /* bus mastering is on, without ALLOW_DMA */
#define IOMEMGRANT_CHANGED_DECODE_OFF	(1U << 1) /* memory decoding is off */
#define IOMEMGRANT_CHANGED_NOT_D0	(1U << 2) /* the device is in a sleeping state */
#define IOMEMGRANT_CHANGED_BAR_REGISTER	(1U << 3) /* the BAR's register has another address */
/*
 * The grant is ENDING, and a guest that unmaps a page can map it again: the module of a
 * translated domain cannot write an entry of a version 1 table.
 */
#define IOMEMGRANT_CHANGED_MAPPABLE	(1U << 4)

/* Values of iomemgrant_end.flags. */
#define IOMEMGRANT_END_WAIT	(1U << 0) /* END: sleep until ended or a signal */

/**
 * struct iomemgrant_end - end a grant (END), or give up a mapping (UNMAP)
 * @size:  IN  sizeof(struct iomemgrant_end)
 * @flags: IN  IOMEMGRANT_END_WAIT
 * @state: OUT state of the grant: IOMEMGRANT_ENDED or IOMEMGRANT_ENDING
 * @id:    IN  what GRANT or MAP returned
 *
 * errno: ENOENT no such id; EBUSY the other domain still maps pages (END: the
 * grant is now ENDING, the kernel goes on trying and frees it by itself as soon
 * as Xen allows; UNMAP: Xen still counts page table entries, the kernel goes on
 * trying); EINTR a signal arrived while END waited; EPERM the object belongs to another file
 * descriptor and the caller has no CAP_SYS_RAWIO.
 */
struct iomemgrant_end {
	__u32 size;
	__u16 flags;
	__u16 state;
	__u64 id;
};

/**
 * struct iomemgrant_label - name a grant that exists
 * @size:     IN  sizeof(struct iomemgrant_label)
 * @reserved: IN  0
 * @id:       IN  what GRANT returned
 * @label:    IN  as in struct iomemgrant_grant; empty takes the label away
 *
 * errno: ENOENT no such id; EALREADY another grant of that domain has this label;
 * EPERM the grant belongs to another file descriptor and the caller has no
 * CAP_SYS_RAWIO.
 */
struct iomemgrant_label {
	__u32 size;
	__u32 reserved;
	__u64 id;
	char  label[IOMEMGRANT_LABEL_SIZE];
};

/**
 * struct iomemgrant_list - snapshot of all grants, in order of id
 * @size:       IN  sizeof(struct iomemgrant_list)
 * @nr:         IN  room at @entries; OUT grants that exist (may be more)
 * @entries:    IN  address of struct iomemgrant_entry[@nr]
 * @entry_size: IN  sizeof(struct iomemgrant_entry) of the caller: the stride.  A
 *              smaller one gets the fields it has room for, the rest of a larger one
 *              is cleared.
 * @reserved:   IN  0
 *
 * errno: as for every call.  Room that is too small is no error.
 */
struct iomemgrant_list {
	__u32 size;
	__u32 nr;
	__u64 entries;
	__u32 entry_size;
	__u32 reserved;
};

/**
 * struct iomemgrant_entry - one grant
 * @id, @offset, @length, @segment, @bus, @devfn, @bar, @domid, @flags, @allow,
 * @first_ref, @nr_refs, @order: as in struct iomemgrant_grant
 * @address:   machine address of the first byte
 * @created:   wall clock, nanoseconds since 1970
 * @nr_mapped: references whose grant entry Xen marks as read or written, that
 *             is mapped by the other domain; U32_MAX without CAP_MAPPED_COUNT
 * @state:     IOMEMGRANT_LIVE, ENDING or LOST
 * @vendor, @device, @subsystem_vendor, @subsystem_device: what the device was
 *             when the grant was made
 * @uid:       user that made the grant
 * @uuid:      the guest's UUID at the time of the grant; zeros when unknown
 * @age:       nanoseconds since the grant was made, suspended time included
 * @lost_reason: IOMEMGRANT_LOST_*
 * @changes:   IOMEMGRANT_CHANGED_*, as the module saw it at its last look
 * @cache:     IOMEMGRANT_CACHE_* of the grant
 * @reserved2: 0
 * @label:     as set by GRANT or LABEL, ended by a NUL byte; empty: none
 */
struct iomemgrant_entry {
	__u64 id;
	__u64 offset;
	__u64 length;
	__u64 address;
	__u64 created;
	__u32 first_ref;
	__u32 nr_refs;
	__u32 nr_mapped;
	__u32 state;
	__u32 flags;
	__u32 allow;
	__u32 order;
	__u32 uid;
	__u16 segment;
	__u8  bus;
	__u8  devfn;
	__u8  bar;
	__u8  reserved;
	__u16 domid;
	__u16 vendor;
	__u16 device;
	__u16 subsystem_vendor;
	__u16 subsystem_device;
	__u8  uuid[16];
	__u64 age;
	__u32 lost_reason;
	__u32 changes;
	__u32 cache;
	__u32 reserved2;
	char  label[IOMEMGRANT_LABEL_SIZE];
};

#define IOMEMGRANT_ENTRY_SIZE_1	104 /* up to uuid: as first published */

/* Values of iomemgrant_map.flags. */
#define IOMEMGRANT_MAP_WC	(1U << 0) /* write-combining instead of uncached */

/**
 * struct iomemgrant_map - map references that another domain granted
 * @size:        IN  sizeof(struct iomemgrant_map)
 * @flags:       IN  IOMEMGRANT_MAP_*
 * @domid:       IN  the granting domain
 * @reserved:    IN  0
 * @nr_refs:     IN  number of references
 * @refs:        IN  address of __u32[@nr_refs], one reference a page, in order
 * @gfn:         IN  HVM/PVH: wished first guest frame, or 0 for the kernel's choice, the
 *               lowest free one above 4 GiB.  Xen's tools save a guest by walking all
 *               frames up to the highest that was ever used: a high wish makes that slow.
 *               OUT HVM/PVH: first guest frame; PV: 0
 * @id:          OUT names the mapping
 * @mmap_offset: OUT pass to mmap(2) on the same device to reach the pages; below 2^44,
 *               which the mmap2(2) of a 32 bit program can express
 * @length:      OUT bytes
 *
 * The mapping lives until UNMAP or until the file descriptor is closed and no
 * mmap() of it is left.  mmap() must be MAP_SHARED.  Access after UNMAP raises SIGBUS.
 *
 * errno: EOPNOTSUPP Xen lacks GNTMAP_iomem_map; EACCES Xen refuses permission;
 * EADDRNOTAVAIL the reference does not name MMIO; ESRCH no such domain; EADDRINUSE @gfn is
 * taken; ENOENT bad reference; EBUSY entry in use another way; EFBIG more than
 * max_pages; ENOSPC Xen has no handle or memory left, or 4095 mappings exist or still
 * have an mmap(); EPERM no CAP_SYS_RAWIO, or kernel locked down; EIO any other status
 * of Xen.
 */
struct iomemgrant_map {
	__u32 size;
	__u32 flags;
	__u16 domid;
	__u16 reserved;
	__u32 nr_refs;
	__u64 refs;
	__u64 gfn;
	__u64 id;
	__u64 mmap_offset;
	__u64 length;
};

/* A command keeps its number when its structure grows: it has the first one's size. */
#define IOMEMGRANT_IOC_INFO	_IOC(_IOC_READ | _IOC_WRITE, 'I', 0x00, IOMEMGRANT_INFO_SIZE_1)
#define IOMEMGRANT_IOC_LIST	_IOWR('I', 0x01, struct iomemgrant_list)
#define IOMEMGRANT_IOC_GRANT	_IOC(_IOC_READ | _IOC_WRITE, 'I', 0x10, IOMEMGRANT_GRANT_SIZE_1)
#define IOMEMGRANT_IOC_END	_IOWR('I', 0x11, struct iomemgrant_end)
#define IOMEMGRANT_IOC_LABEL	_IOWR('I', 0x12, struct iomemgrant_label)
#define IOMEMGRANT_IOC_MAP	_IOWR('I', 0x20, struct iomemgrant_map)
#define IOMEMGRANT_IOC_UNMAP	_IOWR('I', 0x21, struct iomemgrant_end)

#endif /* _UAPI_XEN_IOMEMGRANT_H */
