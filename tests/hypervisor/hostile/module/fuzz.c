// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Garbage in every field.  What could hurt ourselves is left out: ordinary mappings go
 * to places of our own only, and no page table entry but those of our own is written.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <asm/pgtable.h>
#include <asm/xen/page.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/memory.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "hostile.h"

#define IOMEM 0x20
#define PLACES 8 /* pages at base, to map to */
#define BATCH 512
#define HANDLES 1024

static struct {
	u64 frame, base, page, ram_ref, ref;
	u64 entries[2 * PLACES]; /* PV: machine addresses of base's page table entries */
	u64 *entry_vas[2 * PLACES];
} set;

static u32 handles[HANDLES];
static unsigned int nr_handles;
static struct {
	u64 calls, successes, violations;
	u64 what; /* kinds of violations, and one entry */
} seen;

static void violation(unsigned int kind, u64 entry)
{
	seen.violations++;
	seen.what = (seen.what & 31) | kind | (entry & PTE_PFN_MASK);
}

static u64 rnd(struct program *p, u64 below)
{
	return (next_random(&p->random) >> 11) % below;
}

/* Something near to a sensible value, more often than not. */
static u64 mangle(struct program *p, u64 good)
{
	static const u64 edges[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 1ULL << 39, 1ULL << 40, 1ULL << 51, 1ULL << 52,
		1ULL << 63, ~0ULL, ~0ULL << 12, 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff3, 0x7ff4, 0x7fff};

	switch (rnd(p, 8)) {
	case 0:
	case 1:
	case 2:
		return good;
	case 3:
		return good + rnd(p, 9) - 4;
	case 4:
		return good ^ 1ULL << rnd(p, 64);
	case 5:
		return edges[rnd(p, ARRAY_SIZE(edges))];
	case 6:
		return good | edges[rnd(p, ARRAY_SIZE(edges))];
	default:
		return next_random(&p->random);
	}
}

static void fill_map(struct program *p, struct gnttab_map_grant_ref *map, unsigned int at)
{
	unsigned int place = rnd(p, PLACES);

	map->dom = rnd(p, 4) ? 0 : mangle(p, 0);
	map->ref = rnd(p, 4) ? set.ref : mangle(p, rnd(p, 2) ? set.ref : set.ram_ref);
	map->flags = rnd(p, 3) ? IOMEM : mangle(p, rnd(p, 2) ? IOMEM : GNTMAP_host_map);
	map->host_addr = rnd(p, 3) ? (xen_pv_domain() ? 0 : set.base + place * PAGE_SIZE)
				   : mangle(p, set.base);
	map->status = 99;
	map->handle = ~0;
	if (!(map->flags & GNTMAP_host_map))
		return;
	/*
	 * Xen would do as it is told, and replace what is there.  In a physmap it crashes us if
	 * that is a grant or I/O memory: one place each.  In page tables a debug hypervisor
	 * injects a #GP if that is a grant: one a batch, and not where entries are written.
	 */
	if (xen_pv_domain() && at) {
		map->flags &= ~GNTMAP_host_map;
		return;
	}
	place += PLACES;
	map->host_addr = set.base + place * PAGE_SIZE;
	if (!xen_pv_domain())
		map->host_addr = set.base + 0x40200000 + at * PAGE_SIZE;
	if (map->flags & GNTMAP_contains_pte && xen_pv_domain())
		map->host_addr = set.entries[place];
	/* Entries next to ours map our own stack, maybe. */
	if (!rnd(p, 4))
		map->host_addr |= (map->flags & GNTMAP_contains_pte ? 7 : 0xfff) & mangle(p, 4);
}

static void unmap_one(u32 handle, u64 addr, u64 bus)
{
	struct gnttab_unmap_grant_ref unmap = {
		.handle = handle, .host_addr = addr, .dev_bus_addr = bus};

	hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (unsigned long)&unmap, 1,
		0, 0);
	seen.successes += !unmap.status;
}

/* Xen ignores the bit beside the flags that ask for a mapping, as it did when the bit had no meaning. */
static bool is_iomem(u32 flags)
{
	return flags & IOMEM && !(flags & (GNTMAP_host_map | GNTMAP_device_map));
}

static void fuzz_map(struct program *p)
{
	static const u16 sizes[] = {1, 1, 1, 2, 3, 7, 20, 64};
	unsigned int n, count = rnd(p, 64) ? sizes[rnd(p, ARRAY_SIZE(sizes))] : BATCH;
	struct gnttab_map_grant_ref *map = kvcalloc(count, sizeof(*map), GFP_KERNEL);

	for (n = 0; map && n < count; n++)
		fill_map(p, &map[n], n);
	if (map)
		hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)map,
			count, 0, 0);
	for (n = 0; map && n < count; n++) {
		if (map[n].status)
			continue;
		seen.successes++;
		/* The flag excludes all others, the reference is the one we have. */
		if (is_iomem(map[n].flags) &&
			(map[n].flags != IOMEM || map[n].ref != set.ref || map[n].dom))
			violation(1, 0);
		if (is_iomem(map[n].flags) && nr_handles < HANDLES)
			handles[nr_handles++] = map[n].handle;
		else
			unmap_one(map[n].handle,
				map[n].flags & GNTMAP_host_map ? map[n].host_addr : 0,
				map[n].flags & GNTMAP_device_map ? map[n].dev_bus_addr : 0);
	}
	kvfree(map);
}

static void fuzz_unmap(struct program *p)
{
	unsigned int at = nr_handles ? rnd(p, nr_handles) : 0;
	struct gnttab_unmap_grant_ref unmap = {
		.handle = rnd(p, 2) && nr_handles ? handles[at]
						  : mangle(p, nr_handles ? handles[at] : 0),
		.host_addr = rnd(p, 2) ? 0 : mangle(p, set.base),
		.dev_bus_addr = rnd(p, 2) ? 0 : mangle(p, set.frame << PAGE_SHIFT),
	};

	if (rnd(p, 4)) {
		hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
			(unsigned long)&unmap, 1, 0, 0);
		seen.successes += !unmap.status;
	} else {
		struct {
			u64 host_addr, new_addr;
			u32 handle;
			s16 status;
		} replace = {unmap.host_addr, rnd(p, 2) ? 0 : set.base, unmap.handle, 99};

		/* Of which unmapping is what may come of it; attacks/onwards.py looks closer. */
		hypercall(__HYPERVISOR_grant_table_op, 7, (unsigned long)&replace, 1, 0, 0);
		seen.successes += !replace.status;
	}
}

/* Grant table operations with pointers that lead nowhere, and counts that have no memory behind
 * them. */
static void fuzz_pointer(struct program *p)
{
	static const u64 pointers[] = {0, 8, ~0ULL, ~0ULL - 7, 1ULL << 47, 0xffff800000000000,
		0xffff82d040200000, 0xffff830000000000};
	static const u64 counts[] = {1, 2, 511, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
	/* Copying from there finds no memory of ours, or finds what no operation accepts. */
	static const u8 commands[] = {0, 1, 4, 5, 7, 11, 12};
	u64 to = pointers[rnd(p, ARRAY_SIZE(pointers))];

	hypercall(__HYPERVISOR_grant_table_op,
		commands[rnd(p, ARRAY_SIZE(commands))] | (u64)rnd(p, 3) << 33, to,
		counts[rnd(p, ARRAY_SIZE(counts))], 0, 0);
}

static void fuzz_others(struct program *p)
{
	struct gnttab_copy copy = {
		.source.domid = rnd(p, 2) ? 0 : DOMID_SELF,
		.dest.domid = rnd(p, 2) ? 0 : DOMID_SELF,
		.len = mangle(p, 64),
		.flags = mangle(p, 3) & 0xff,
		.status = 99,
	};
	struct {
		u64 a;
		u16 offset, length;
		u32 op;
	} flush = {rnd(p, 2) ? set.frame << PAGE_SHIFT : mangle(p, set.ref), 0, PAGE_SIZE,
		mangle(p, 0x80000003)};

	/* Sources and destinations of our own are the one page that may be spoilt. */
	copy.flags |= copy.source.domid ? 0 : GNTCOPY_source_gref;
	copy.flags |= copy.dest.domid ? 0 : GNTCOPY_dest_gref;
	if (copy.flags & GNTCOPY_source_gref)
		copy.source.u.ref = rnd(p, 2) ? set.ref : mangle(p, set.ref);
	else
		copy.source.u.gmfn = rnd(p, 2) ? set.frame : mangle(p, set.frame);
	if (copy.flags & GNTCOPY_dest_gref)
		copy.dest.u.ref = rnd(p, 2) ? set.ref : mangle(p, set.ref);
	else
		copy.dest.u.gmfn = xen_pv_domain() ? set.frame + rnd(p, 2) : set.base >> PAGE_SHIFT;
	if (rnd(p, 2)) {
		hypercall(
			__HYPERVISOR_grant_table_op, GNTTABOP_copy, (unsigned long)&copy, 1, 0, 0);
		/* To or from dom0 or the BAR: none of it is possible, whatever is in the fields. */
		if (!copy.status && copy.len && copy.source.domid == 0 &&
			copy.source.u.ref == set.ref)
			violation(4, 0);
	} else {
		hypercall(__HYPERVISOR_grant_table_op, 12, (unsigned long)&flush, 1, 0, 0);
	}
}

static void fuzz_entry(struct program *p)
{
	unsigned int place = rnd(p, PLACES);
	u64 frame = rnd(p, 3)	? set.frame
		    : rnd(p, 2) ? set.page >> PAGE_SHIFT
				: mangle(p, set.frame);
	u64 value =
		(frame << PAGE_SHIFT) | (mangle(p, 0x63) & (0xfff | 1ULL << 63 | 0x7ffULL << 52));
	u64 update[2] = {set.entries[place] | (rnd(p, 4) ? 0 : rnd(p, 8)), value};
	u64 now;
	u32 done = 0;
	long rc;

	if (!rnd(p, 16))
		update[0] = (set.frame << PAGE_SHIFT) + rnd(p, 512) * 8;
	/* Not the command that writes the machine-to-physical table: our own kernel reads it. */
	if ((update[0] & 7) == MMU_MACHPHYS_UPDATE)
		update[0] &= ~7ULL;
	if (rnd(p, 3))
		rc = hypercall(__HYPERVISOR_mmu_update, (unsigned long)update, 1,
			(unsigned long)&done, rnd(p, 8) ? DOMID_SELF : mangle(p, DOMID_IO) & 0xffff,
			0);
	else
		rc = hypercall(__HYPERVISOR_update_va_mapping, set.base + place * PAGE_SIZE, value,
			rnd(p, 8), 0, 0);
	now = READ_ONCE(*set.entry_vas[place]);
	seen.successes += !rc;
	/* Numbers made up may be of memory that is ours. */
	if (now & 1 && (now & PTE_PFN_MASK) >> PAGE_SHIFT != set.frame &&
		bfn_to_local_pfn((now & PTE_PFN_MASK) >> PAGE_SHIFT) == ~0UL)
		violation(8, now);
	/* Write-back and the like are replaced. */
	if (now & 1 && (now & PTE_PFN_MASK) >> PAGE_SHIFT == set.frame && !(now & 0x98))
		violation(16, now);
	if (rnd(p, 2)) {
		update[0] = set.entries[place];
		update[1] = 0;
		hypercall(__HYPERVISOR_mmu_update, (unsigned long)update, 1, (unsigned long)&done,
			DOMID_SELF, 0);
	}
}

static void fuzz_physmap(struct program *p)
{
	u64 gfn = (set.base >> PAGE_SHIFT) + rnd(p, PLACES);
	/* Where no I/O memory gets mapped: Xen answers RAM put over that by crashing us. */
	u64 apart = (set.base >> PAGE_SHIFT) + 65 + rnd(p, PLACES - 1);
	struct xen_add_to_physmap add = {
		.domid = rnd(p, 4) ? DOMID_SELF : mangle(p, 0),
		.size = rnd(p, 3),
		.space = rnd(p, 7),
		.idx = rnd(p, 2) ? set.frame : mangle(p, gfn),
		.gpfn = apart,
	};
	struct xen_remove_from_physmap remove = {
		.domid = DOMID_SELF,
		.gpfn = rnd(p, 2) ? gfn : apart,
	};
	struct xen_memory_reservation reservation = {
		.nr_extents = 1,
		.extent_order = rnd(p, 4) ? 0 : rnd(p, 4),
		.domid = DOMID_SELF,
	};

	set_xen_guest_handle(reservation.extent_start, (xen_pfn_t *)&gfn);
	switch (rnd(p, 4)) {
	case 0:
		/* Of our own memory, only what lies at base may be moved away. */
		if (add.space == 2 || add.space == 3)
			add.idx = (set.base >> PAGE_SHIFT) + rnd(p, PLACES), add.size = 1;
		/* The pages Linux uses must stay where they are. */
		if (add.space < 2)
			add.domid = DOMID_INVALID;
		seen.successes += !hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap,
			(unsigned long)&add, 0, 0, 0);
		break;
	case 1:
		seen.successes +=
			!hypercall(__HYPERVISOR_memory_op, 15, (unsigned long)&remove, 0, 0, 0);
		break;
	case 2:
		reservation.extent_order = 0;
		seen.successes += hypercall(__HYPERVISOR_memory_op, XENMEM_decrease_reservation,
					  (unsigned long)&reservation, 0, 0, 0) == 1;
		break;
	default:
		gfn = apart;
		seen.successes += hypercall(__HYPERVISOR_memory_op, XENMEM_populate_physmap,
					  (unsigned long)&reservation, 0, 0, 0) == 1;
	}
}

/* Frame, eight pages to map to, a page of RAM, a reference to RAM. */
static void op_fuzzset(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	set.frame = arg[0];
	set.base = arg[1];
	set.page = arg[2];
	set.ram_ref = arg[3];
	set.ref = arg[4];
}

/* Of base's page number N: its page table entry in the machine's and in our addresses. */
static void op_fuzzentry(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	set.entries[arg[0] % (2 * PLACES)] = arg[1];
	set.entry_vas[arg[0] % (2 * PLACES)] = (u64 *)(unsigned long)arg[2];
}

static void op_fuzz(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	u64 n, update[2] = {};
	u32 done;

	p->random = arg[0] * 0x9e3779b97f4a7c15ULL + 1;
	memset(&seen, 0, sizeof(seen));
	nr_handles = 0;
	for (n = 0; n < arg[1]; n++) {
		unsigned int kind = rnd(p, 8);

		/* To find out which kind does it. */
		if (arg[2] & 1 << kind)
			continue;
		switch (kind) {
		case 0:
		case 1:
			fuzz_map(p);
			break;
		case 2:
		case 3:
			fuzz_unmap(p);
			break;
		case 4:
			fuzz_pointer(p);
			break;
		case 5:
			fuzz_others(p);
			break;
		default:
			if (xen_pv_domain())
				fuzz_entry(p);
			else
				fuzz_physmap(p);
		}
		seen.calls++;
		cond_resched();
	}
	for (n = 0; n < PLACES && xen_pv_domain(); n++) {
		update[0] = set.entries[n];
		hypercall(__HYPERVISOR_mmu_update, (unsigned long)update, 1, (unsigned long)&done,
			DOMID_SELF, 0);
	}
	for (n = 0; n < nr_handles; n++)
		unmap_one(handles[n], 0, 0);
	out[0] = seen.calls;
	out[1] = seen.successes;
	out[2] = seen.violations;
	out[3] = seen.what;
}

const struct op fuzz_ops[] = {{"fuzzset", 0, false, op_fuzzset},
	{"fuzzentry", 0, false, op_fuzzentry}, {"fuzz", 4, false, op_fuzz}, {}};
