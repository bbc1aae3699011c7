// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping side: every grant-table operation with exactly the arguments given.
 */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/vmalloc.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/memory.h>
#include <xen/interface/physdev.h>
#include <xen/xen.h>

#include "hvtest.h"

s16 hvtest_map(u16 dom, u32 ref, u32 flags, u64 addr, u32 *handle, u64 *bus)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = addr, .flags = flags, .ref = ref, .dom = dom,
		.status = 99, .handle = ~0u, .dev_bus_addr = ~0ull,
	};
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);

	*handle = op.handle;
	*bus = op.dev_bus_addr;
	return rc ? rc : op.status;
}

s16 hvtest_unmap(u32 handle, u64 addr, u64 bus)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = addr, .dev_bus_addr = bus, .handle = handle, .status = 99,
	};
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);

	return rc ? rc : op.status;
}

static int cmd_map(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u32 handle;
	u64 bus;
	s16 status = hvtest_map(a->v[0], a->v[1], a->v[2], hvtest_arg(a, 3, 0), &handle, &bus);

	hvtest_say(r, "status=%d handle=0x%x bus=0x%llx", status, handle, bus);
	return 0;
}

static int cmd_unmap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	hvtest_say(r, "status=%d",
		   hvtest_unmap(a->v[0], hvtest_arg(a, 1, 0), hvtest_arg(a, 2, 0)));
	return 0;
}

/* unmap_all FIRST LAST: hands back every handle of the range; counts the answers */
static int cmd_unmap_all(struct hvtest_reply *r, const struct hvtest_args *a)
{
	unsigned int okay = 0, other = 0;
	u64 h;

	for (h = a->v[0]; h <= a->v[1]; h++)
		if (hvtest_unmap(h, 0, 0))
			other++;
		else
			okay++;
	hvtest_say(r, "rc=0 okay=%u other=%u", okay, other);
	return 0;
}

static int cmd_replace(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_unmap_and_replace op = {
		.host_addr = a->v[1], .new_addr = a->v[2], .handle = a->v[0], .status = 99,
	};
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1);

	hvtest_say(r, "rc=%d status=%d", rc, op.status);
	return 0;
}

/*
 * map_many DOM REF FLAGS ADDR COUNT [STRIDE [KEEP]]: the same reference over and over, until one is
 * refused.  ADDR advances by STRIDE, a page by default, where it is not 0.  They are unmapped again
 * unless KEEP.
 */
static int cmd_map_many(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 i, n, bus, back = 0, stride = hvtest_arg(a, 5, PAGE_SIZE);
	u32 *handles, handle;
	s16 status = 0;

	handles = kvmalloc_array(a->v[4], sizeof(*handles), GFP_KERNEL);
	if (!handles)
		return -ENOMEM;
	for (n = 0; n < a->v[4]; n++) {
		status = hvtest_map(a->v[0], a->v[1], a->v[2],
				    a->v[3] ? a->v[3] + n * stride : 0, &handle, &bus);
		if (status)
			break;
		handles[n] = handle;
	}
	for (i = 0; i < n && !hvtest_arg(a, 6, 0); i++)
		back += !hvtest_unmap(handles[i], 0, 0);
	hvtest_say(r, "rc=0 mapped=%llu status=%d unmapped=%llu", n, status, back);
	kvfree(handles);
	return 0;
}

/*
 * map_torn DOM REF FLAGS ADDR COUNT TORN: one hypercall of COUNT maps whose array runs into an
 * unmapped guest page at operation TORN (the guard page behind a vmalloc area).  ADDR advances by
 * a page per operation where it is not 0.  Every handle that came back is unmapped one by one.
 */
static int cmd_map_torn(struct hvtest_reply *r, const struct hvtest_args *a)
{
	size_t size = sizeof(struct gnttab_map_grant_ref);
	u64 torn = a->v[5], addr = a->v[3], i, okay = 0, back = 0;
	struct gnttab_map_grant_ref *op;
	void *area;
	int rc;

	if (!torn || torn >= a->v[4])
		return -EINVAL;
	area = vzalloc(PAGE_ALIGN(torn * size));
	if (!area)
		return -ENOMEM;
	op = area + PAGE_ALIGN(torn * size) - torn * size;
	for (i = 0; i < torn; i++) {
		op[i] = (struct gnttab_map_grant_ref){
			.host_addr = addr ? addr + i * PAGE_SIZE : 0,
			.flags = a->v[2], .ref = a->v[1], .dom = a->v[0],
			.status = 99, .handle = ~0u,
		};
	}
	rc = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, op, a->v[4]);
	for (i = 0; i < torn; i++) {
		if (op[i].status)
			continue;
		okay++;
		back += !hvtest_unmap(op[i].handle, 0, 0);
	}
	hvtest_say(r, "rc=%d okay=%llu last=%d unmapped=%llu", rc, okay, op[torn - 1].status, back);
	vfree(area);
	return 0;
}

/* unmap_torn DOM REF FLAGS ADDR COUNT: the same for unmap; the torn batch must still have ended */
static int cmd_unmap_torn(struct hvtest_reply *r, const struct hvtest_args *a)
{
	size_t size = sizeof(struct gnttab_unmap_grant_ref);
	u64 count = a->v[4], addr = a->v[3], i, okay = 0, bus, again = 0;
	struct gnttab_unmap_grant_ref *op;
	void *area;
	int rc;

	area = vzalloc(PAGE_ALIGN(count * size));
	if (!area)
		return -ENOMEM;
	op = area + PAGE_ALIGN(count * size) - count * size;
	for (i = 0; i < count; i++) {
		rc = hvtest_map(a->v[0], a->v[1], a->v[2], addr ? addr + i * PAGE_SIZE : 0,
				&op[i].handle, &bus);
		if (rc)
			break;
		op[i].status = 99;
	}
	count = i;
	rc = HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, op, count + 8);
	for (i = 0; i < count; i++) {
		okay += !op[i].status;
		again += hvtest_unmap(op[i].handle, 0, 0) == GNTST_bad_handle;
	}
	hvtest_say(r, "rc=%d mapped=%llu okay=%llu gone=%llu", rc, count, okay, again);
	vfree(area);
	return 0;
}

/* copy FLAGS SDOM SREF_OR_FRAME SOFF DDOM DREF_OR_FRAME DOFF LENGTH */
static int cmd_copy(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_copy op = {
		.flags = a->v[0], .len = a->v[7], .status = 99,
		.source = { .domid = a->v[1], .offset = a->v[3] },
		.dest = { .domid = a->v[4], .offset = a->v[6] },
	};
	int rc;

	if (op.flags & GNTCOPY_source_gref)
		op.source.u.ref = a->v[2];
	else
		op.source.u.gmfn = a->v[2];
	if (op.flags & GNTCOPY_dest_gref)
		op.dest.u.ref = a->v[5];
	else
		op.dest.u.gmfn = a->v[5];
	rc = HYPERVISOR_grant_table_op(GNTTABOP_copy, &op, 1);
	hvtest_say(r, "rc=%d status=%d", rc, op.status);
	return 0;
}

static int cmd_transfer(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_transfer op = {
		.mfn = a->v[0], .domid = a->v[1], .ref = a->v[2], .status = 99,
	};
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_transfer, &op, 1);

	hvtest_say(r, "rc=%d status=%d", rc, op.status);
	return 0;
}

static int cmd_cache_flush(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_cache_flush op = {
		.a.dev_bus_addr = a->v[0], .offset = 0, .length = 64, .op = a->v[1],
	};

	if (op.op & GNTTAB_CACHE_SOURCE_GREF)
		op.a.ref = a->v[0];
	hvtest_say(r, "rc=%d", HYPERVISOR_grant_table_op(GNTTABOP_cache_flush, &op, 1));
	return 0;
}

/* loop N DOM REF FLAGS ADDR: times N map and unmap pairs, in time-stamp ticks */
static int cmd_loop(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 i, t, start, worst = 0, bad = 0, bus;
	u32 handle;

	start = rdtsc_ordered();
	MARK(1);
	for (i = 0; i < a->v[0]; i++) {
		t = rdtsc_ordered();
		if (hvtest_map(a->v[1], a->v[2], a->v[3], hvtest_arg(a, 4, 0), &handle, &bus))
			bad++;
		else
			bad += !!hvtest_unmap(handle, a->v[3] & GNTMAP_host_map ?
					      hvtest_arg(a, 4, 0) : 0, 0);
		worst = max(worst, rdtsc_ordered() - t);
		if (!(i & 63))
			cond_resched();
	}
	MARK(2);
	hvtest_say(r, "rc=0 bad=%llu ticks=%llu worst=%llu", bad, rdtsc_ordered() - start, worst);
	return 0;
}

/* loop_copy N DOM REF: N copies of a page from a reference to a page of our own */
static int cmd_loop_copy(struct hvtest_reply *r, const struct hvtest_args *a)
{
	unsigned long page = __get_free_page(GFP_KERNEL);
	struct gnttab_copy op;
	u64 i, start, bad = 0;

	if (!page)
		return -ENOMEM;
	start = rdtsc_ordered();
	MARK(3);
	for (i = 0; i < a->v[0]; i++) {
		op = (struct gnttab_copy){
			.flags = GNTCOPY_source_gref, .len = 1024, .status = 99,
			.source = { .domid = a->v[1], .u.ref = a->v[2] },
			.dest = { .domid = DOMID_SELF, .u.gmfn = virt_to_gfn((void *)page) },
		};
		bad += HYPERVISOR_grant_table_op(GNTTABOP_copy, &op, 1) || op.status;
		if (!(i & 63))
			cond_resched();
	}
	MARK(4);
	hvtest_say(r, "rc=0 bad=%llu ticks=%llu", bad, rdtsc_ordered() - start);
	free_page(page);
	return 0;
}

/*
 * physmap OP ARG GFN: what a translated guest can do to its own physmap.  OP 0 removes GFN, 1 gives
 * the page back, 2 puts the page of ARG (a gfn) there, 3 its shared info, 4 a grant table frame.
 */
static int cmd_physmap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	xen_pfn_t gfn = a->v[2];
	struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = gfn };
	struct xen_memory_reservation give = {
		.domid = DOMID_SELF, .nr_extents = 1, .extent_order = 0,
	};
	struct xen_add_to_physmap add = { .domid = DOMID_SELF, .gpfn = gfn };
	int rc;

	switch (a->v[0]) {
	case 0:
		rc = HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &remove);
		break;
	case 1:
		set_xen_guest_handle(give.extent_start, &gfn);
		rc = HYPERVISOR_memory_op(XENMEM_decrease_reservation, &give);
		break;
	case 2:
		add.space = XENMAPSPACE_gmfn;
		add.idx = a->v[1];
		rc = HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add);
		break;
	case 3:
		add.space = XENMAPSPACE_shared_info;
		rc = HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add);
		break;
	case 4:
		add.space = XENMAPSPACE_grant_table;
		rc = HYPERVISOR_memory_op(XENMEM_add_to_physmap, &add);
		break;
	default:
		return -EINVAL;
	}
	hvtest_say(r, "rc=%d", rc);
	return 0;
}

/* prepare_msix SEG BUS DEVFN: makes Xen take a device's MSI-X table pages for itself */
static int cmd_prepare_msix(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct physdev_pci_device dev = { .seg = a->v[0], .bus = a->v[1], .devfn = a->v[2] };

	hvtest_say(r, "rc=%d", HYPERVISOR_physdev_op(hvtest_arg(a, 3, 0) ?
		   PHYSDEVOP_release_msix : PHYSDEVOP_prepare_msix, &dev));
	return 0;
}

const struct hvtest_command hvtest_mapper_commands[] = {
	{ "map", "DOM REF FLAGS [ADDR]", 3, 4, cmd_map },
	{ "unmap", "HANDLE [ADDR [BUS]]", 1, 3, cmd_unmap },
	{ "unmap_all", "FIRST LAST", 2, 2, cmd_unmap_all },
	{ "replace", "HANDLE ADDR NEW", 3, 3, cmd_replace },
	{ "map_many", "DOM REF FLAGS ADDR COUNT [STRIDE [KEEP]]", 5, 7, cmd_map_many },
	{ "map_torn", "DOM REF FLAGS ADDR COUNT TORN", 6, 6, cmd_map_torn },
	{ "unmap_torn", "DOM REF FLAGS ADDR COUNT", 5, 5, cmd_unmap_torn },
	{ "copy", "FLAGS SDOM SREF|FRAME SOFF DDOM DREF|FRAME DOFF LENGTH", 8, 8, cmd_copy },
	{ "transfer", "FRAME DOM REF", 3, 3, cmd_transfer },
	{ "cache_flush", "BUS_ADDR|REF OP", 2, 2, cmd_cache_flush },
	{ "loop", "N DOM REF FLAGS [ADDR]", 4, 5, cmd_loop },
	{ "loop_copy", "N DOM REF", 3, 3, cmd_loop_copy },
	{ "physmap", "OP ARG GFN", 3, 3, cmd_physmap },
	{ "prepare_msix", "SEG BUS DEVFN [RELEASE]", 3, 4, cmd_prepare_msix },
	{ }
};
