/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic on byte ranges, pages and references.  No state and no kernel
 * services, so that tests/kernel compiles it in user space.
 */
#ifndef IOMEMGRANT_RANGE_H
#define IOMEMGRANT_RANGE_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
#endif

#define RANGE_PAGE_SIZE 4096ULL
#define RANGE_PAGE_MASK (~(RANGE_PAGE_SIZE - 1))

/* @length bytes from @start on.  Empty when @length is 0. */
struct byte_range {
	u64 start;
	u64 length;
};

static inline u64 range_page_up(u64 value)
{
	return (value + RANGE_PAGE_SIZE - 1) & RANGE_PAGE_MASK;
}

/* Ranges that end at 2^64 or beyond cannot come from a BAR; they never overlap. */
static inline bool ranges_overlap(struct byte_range a, struct byte_range b)
{
	if (!a.length || !b.length)
		return false;
	if (a.start + a.length < a.start || b.start + b.length < b.start)
		return false;
	return a.start < b.start + b.length && b.start < a.start + a.length;
}

/* The whole pages that @r touches. */
static inline struct byte_range range_to_pages(struct byte_range r)
{
	struct byte_range pages = { r.start & RANGE_PAGE_MASK, 0 };

	if (r.length)
		pages.length = range_page_up(r.start + r.length) - pages.start;
	return pages;
}

/*
 * Checks a range that user space asks for.  Returns 0, -EINVAL (not whole pages, or
 * none), -ERANGE (past the end of the BAR) or -EFBIG (more than @max_pages).
 */
static inline int range_check(u64 offset, u64 length, u64 bar_length, u32 max_pages)
{
	if (!length || (offset | length) & ~RANGE_PAGE_MASK)
		return -EINVAL;
	if (offset > bar_length || length > bar_length - offset)
		return -ERANGE;
	if (length / RANGE_PAGE_SIZE > max_pages)
		return -EFBIG;
	return 0;
}

/* Does every frame of @pages fit the 32 bit frame field of a version 1 entry? */
static inline bool range_fits_v1(struct byte_range pages)
{
	return !pages.length || ((pages.start + pages.length - 1) >> 12) <= 0xffffffffULL;
}

/*
 * Where an MSI-X table or pending bit array lies in its BAR, from the value of
 * PCI_MSIX_TABLE or PCI_MSIX_PBA and the table size field of PCI_MSIX_FLAGS.
 * The low three bits of the register name the BAR.
 */
static inline struct byte_range range_msix_table(u32 reg, u16 flags)
{
	struct byte_range r = { reg & ~7U, ((flags & 0x7ffU) + 1ULL) * 16 };

	return r;
}

static inline struct byte_range range_msix_pba(u32 reg, u16 flags)
{
	struct byte_range r = { reg & ~7U, ((flags & 0x7ffU) + 64ULL) / 64 * 8 };

	return r;
}

/*
 * How many references the module may hold in all when the last @headroom of
 * @max_frames grant frames are to stay free for other drivers.  The first eight
 * references are reserved by Xen.
 */
static inline u64 range_refs_within_headroom(u32 max_frames, u32 headroom, u32 refs_per_frame)
{
	u64 refs;

	if (headroom >= max_frames)
		return 0;
	refs = (u64)(max_frames - headroom) * refs_per_frame;
	return refs > 8 ? refs - 8 : 0;
}

#endif /* IOMEMGRANT_RANGE_H */
