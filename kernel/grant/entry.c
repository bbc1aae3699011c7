// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two things with this domain's grant entries that the grant API does not do.
 *
 * It reads Xen's marks: GTF_reading and GTF_writing say that the other domain has
 * the reference mapped.  Trying to end a reference would tell that, too, but end it.
 *
 * It clears the type of an entry that is to end and still in use.  Xen looks at the
 * type when a reference is mapped that is not mapped yet, so a guest which gives the
 * reference back cannot map it again.  Of a version 2 table the kernel itself clears
 * the type when it tries to end a reference; of a version 1 table it leaves a busy
 * entry as it is, because Xen's marks are in the same word.
 *
 * A PV domain may map its own grant frames a second time: the frame numbers come
 * from GNTTABOP_setup_table (or _get_status_frames), which does not grow the table
 * when asked for frames that exist.  For a translated domain the kernel keeps the
 * frames' addresses to itself, so there neither is possible.
 *
 * Frames are mapped when first needed and kept until the module goes.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/grant_table.h>

#include "iomemgrant.h"
#include "outside.h"

static DEFINE_MUTEX(entry_lock);
static DEFINE_XARRAY(entry_frames);	/* entry_lock: frame number -> address */
static struct page *entry_dummy;	/* entry_lock: what vmap() is shown */
static unsigned int entry_version;	/* entry_lock: 0 until first used */

bool iomemgrant_entry_readable(void)
{
	return IS_ENABLED(CONFIG_XEN_PV) && xen_pv_domain();
}

bool iomemgrant_entry_refusable(void)
{
	return iomemgrant_entry_readable() || iomemgrant_probe_gnttab_version() == 2;
}

#ifdef CONFIG_XEN_PV

static int frame_mfn(unsigned int version, unsigned int index, u64 *mfn)
{
	unsigned int nr = index + 1;
	u64 *list = kvcalloc(nr, sizeof(*list), GFP_KERNEL);
	int rc, status;

	BUILD_BUG_ON(sizeof(xen_pfn_t) != sizeof(u64));
	if (!list)
		return -ENOMEM;
	if (version == 1) {
		struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = nr };

		set_xen_guest_handle(op.frame_list, (xen_pfn_t *)list);
		rc = HYPERVISOR_grant_table_op(GNTTABOP_setup_table, &op, 1);
		status = op.status;
	} else {
		struct gnttab_get_status_frames op = { .dom = DOMID_SELF, .nr_frames = nr };

		set_xen_guest_handle(op.frame_list, list);
		rc = HYPERVISOR_grant_table_op(GNTTABOP_get_status_frames, &op, 1);
		status = op.status;
	}
	*mfn = list[index];
	kvfree(list);
	return rc || status != GNTST_okay ? -EIO : 0;
}

/* Entries are written, statuses of version 2 belong to Xen. */
static void *map_frame(u64 mfn)
{
	pte_t pte = mfn_pte(mfn, entry_version == 1 ? PAGE_KERNEL : PAGE_KERNEL_RO);
	void *va;

	if (!entry_dummy)
		entry_dummy = alloc_page(GFP_KERNEL);
	if (!entry_dummy)
		return NULL;
	/* VM_IOREMAP: /proc/kcore must not look up the page behind it. */
	va = vmap(&entry_dummy, 1, VM_MAP | VM_IOREMAP, PAGE_KERNEL);
	if (!va)
		return NULL;
	if (HYPERVISOR_update_va_mapping((unsigned long)va, pte, UVMF_INVLPG | UVMF_ALL)) {
		vunmap(va);
		return NULL;
	}
	return va;
}

static void *frame_address(unsigned int index)
{
	void *va = xa_load(&entry_frames, index);
	u64 mfn;

	if (va || frame_mfn(entry_version, index, &mfn))
		return va;
	va = map_frame(mfn);
	if (va && xa_is_err(xa_store(&entry_frames, index, va, GFP_KERNEL))) {
		vunmap(va);
		va = NULL;
	}
	return va;
}

/* The word with Xen's marks for @ref, or NULL.  Caller holds entry_lock. */
static u16 *entry_marks(grant_ref_t ref)
{
	unsigned int per_frame;
	void *frame;

	if (!entry_version)
		entry_version = iomemgrant_probe_gnttab_version();
	/* Version 2 keeps Xen's marks apart from the entries, two bytes each. */
	per_frame = entry_version == 1 ? PAGE_SIZE / sizeof(struct grant_entry_v1)
				       : PAGE_SIZE / sizeof(grant_status_t);
	frame = frame_address(ref / per_frame);
	if (!frame)
		return NULL;
	if (entry_version == 1)
		return &((struct grant_entry_v1 *)frame)[ref % per_frame].flags;
	return &((grant_status_t *)frame)[ref % per_frame];
}

int iomemgrant_entry_in_use(grant_ref_t ref)
{
	int rc = -EIO;
	u16 *marks;

	if (!iomemgrant_entry_readable())
		return -EOPNOTSUPP;
	mutex_lock(&entry_lock);
	marks = entry_marks(ref);
	if (marks)
		rc = !!(READ_ONCE(*marks) & (GTF_reading | GTF_writing));
	mutex_unlock(&entry_lock);
	return rc;
}

void iomemgrant_entry_refuse_maps(grant_ref_t ref)
{
	u16 *flags, seen, now;

	if (!iomemgrant_entry_readable())
		return;
	mutex_lock(&entry_lock);
	flags = entry_marks(ref);
	if (flags && entry_version == 1) {
		/* Xen changes its marks at the same time, also on a CPU that is not ours. */
		now = READ_ONCE(*flags);
		do {
			seen = now;
			now = sync_cmpxchg(flags, seen, seen & ~GTF_type_mask);
		} while (now != seen);
	}
	mutex_unlock(&entry_lock);
}

void iomemgrant_entry_exit(void)
{
	unsigned long index;
	void *va;

	xa_for_each(&entry_frames, index, va)
		vunmap(va);
	xa_destroy(&entry_frames);
	if (entry_dummy)
		__free_page(entry_dummy);
}

#else /* !CONFIG_XEN_PV */

void iomemgrant_entry_refuse_maps(grant_ref_t ref)
{
}

int iomemgrant_entry_in_use(grant_ref_t ref)
{
	return -EOPNOTSUPP;
}

void iomemgrant_entry_exit(void)
{
}

#endif
