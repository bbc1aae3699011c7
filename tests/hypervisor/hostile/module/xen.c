// SPDX-License-Identifier: GPL-2.0-or-later
/* What programs ask of Xen: any hypercall, and short forms of the ones attacks are made of. */
#include <linux/objtool.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "hostile.h"

noinline long hypercall(unsigned int nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	long rc = nr;

	if (xen_pv_domain())
		asm volatile("syscall"
			     : "+a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)::"rcx",
			     "r11", "memory");
	else if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		asm volatile("vmcall"
			     : "+a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)::"memory");
	else
		asm volatile("vmmcall"
			     : "+a"(rc), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)::"memory");
	return rc;
}
/* The kernel's tools take SYSCALL for a mistake. */
STACK_FRAME_NON_STANDARD(hypercall);

static void op_hc(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = hypercall(arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* mmu_update of one entry: address with its command in the low bits, value, domain. */
static void op_mmu(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	u64 update[2] = {arg[0], arg[1]};
	u32 done = 0;

	out[0] = hypercall(__HYPERVISOR_mmu_update, (unsigned long)update, 1, (unsigned long)&done,
		arg[2] ?: DOMID_SELF, 0);
	out[1] = done;
}

static void op_uvm(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = hypercall(__HYPERVISOR_update_va_mapping, arg[0], arg[1], arg[2], 0, 0);
}

static void op_ext(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	struct {
		u32 cmd;
		u64 arg1, arg2;
	} ext = {arg[0], arg[1], arg[2]};
	u32 done = 0;

	out[0] = hypercall(__HYPERVISOR_mmuext_op, (unsigned long)&ext, 1, (unsigned long)&done,
		arg[3] ?: DOMID_SELF, 0);
}

/* Domain, reference, flags, address. */
static void op_gmap(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	struct gnttab_map_grant_ref map = {
		.dom = arg[0],
		.ref = arg[1],
		.flags = arg[2],
		.host_addr = arg[3],
		.status = 99,
		.handle = ~0U,
	};
	long rc = hypercall(
		__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)&map, 1, 0, 0);

	out[0] = rc ?: (s64)map.status;
	out[1] = map.handle;
	out[2] = map.dev_bus_addr;
}

/* Handle, address, bus address. */
static void op_gunmap(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	struct gnttab_unmap_grant_ref unmap = {
		.handle = arg[0],
		.host_addr = arg[1],
		.dev_bus_addr = arg[2],
		.status = 99,
	};
	long rc = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
		(unsigned long)&unmap, 1, 0, 0);

	out[0] = rc ?: (s64)unmap.status;
}

/* The same in batches: how many of them succeeded, the first and last handle. */
static void op_gmapn(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	struct gnttab_map_grant_ref *map;
	u64 n, count = min_t(u64, arg[4], 4096);

	map = kvcalloc(count, sizeof(*map), GFP_KERNEL);
	if (!map)
		return;
	for (n = 0; n < count; n++) {
		map[n].dom = arg[0];
		map[n].ref = arg[1];
		map[n].flags = arg[2];
		map[n].host_addr = arg[3] + n * arg[5];
		map[n].status = 99;
	}
	out[0] = hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, (unsigned long)map,
		count, 0, 0);
	for (n = 0; n < count; n++) {
		if (map[n].status == 0) {
			out[1]++;
			out[2] = max_t(u64, out[2], map[n].handle);
		} else if (map[n].status != 99) {
			out[3] = map[n].status;
		}
	}
	kvfree(map);
}

/* Unmap every handle of a range; how many were unmapped, and how many answered otherwise than bad
 * handle. */
static void op_gunmapn(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	struct gnttab_unmap_grant_ref *unmap;
	u64 n, at, count;

	unmap = kvcalloc(512, sizeof(*unmap), GFP_KERNEL);
	for (at = arg[0]; unmap && at < arg[1]; at += 512) {
		count = min_t(u64, arg[1] - at, 512);
		memset(unmap, 0, sizeof(*unmap) * 512);
		for (n = 0; n < count; n++)
			unmap[n].handle = at + n;
		hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref,
			(unsigned long)unmap, count, 0, 0);
		for (n = 0; n < count; n++) {
			out[0] += unmap[n].status == 0;
			out[1] += unmap[n].status && unmap[n].status != GNTST_bad_handle;
		}
	}
	kvfree(unmap);
}

/* A reference of ours that Linux will not use, and an entry for it. */
static void op_ref(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	grant_ref_t head;

	out[0] = -ENOSPC;
	if (!gnttab_alloc_grant_references(1, &head))
		out[0] = gnttab_claim_grant_reference(&head);
}

static void op_grant(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	gnttab_grant_foreign_access_ref(arg[0], arg[1], arg[2], arg[3]);
}

static void op_end(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = gnttab_end_foreign_access_ref(arg[0]);
}

const struct op xen_ops[] = {{"hc", 1, false, op_hc}, {"mmu", 2, false, op_mmu},
	{"uvm", 1, false, op_uvm}, {"ext", 1, false, op_ext}, {"gmap", 3, false, op_gmap},
	{"gunmap", 1, false, op_gunmap}, {"gmapn", 4, false, op_gmapn},
	{"gunmapn", 2, false, op_gunmapn}, {"ref", 1, false, op_ref}, {"grant", 0, false, op_grant},
	{"end", 1, false, op_end}, {}};
