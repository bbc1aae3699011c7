// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making a grant: what is asked for is checked, the BAR is held, references are
 * taken and filled.  grant/grant.c explains the locks, and keeps what is made here.
 *
 * Order matters.  Everything that can fail comes before the references are filled,
 * because the guest may map from then on.
 */
#include <linux/bitmap.h>
#include <linux/cred.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include <xen/grant_table.h>
#include <xen/page.h>

#include "iomemgrant.h"
#include "grant.h"
#include "outside.h"

static void grant_release(struct device *dev)
{
	struct grant *g = to_grant(dev);

	pci_dev_put(g->pdev);
	bitmap_free(g->held);
	kfree(g);
}

/* The module counts from 1 when it is loaded: the caller knows what was used before. */
static u64 new_id(u64 min_id)
{
	static u64 last_id;

	lockdep_assert_held(&iomemgrant_grants_lock);
	last_id = max(last_id, min_id) + 1;
	return last_id;
}

static struct grant *grant_alloc(const struct iomemgrant_grant *rq, struct pci_dev *pdev)
{
	struct grant *g = kzalloc(sizeof(*g), GFP_KERNEL);

	if (!g)
		return NULL;
	g->nr_refs = rq->length / RANGE_PAGE_SIZE;
	g->held = bitmap_zalloc(g->nr_refs, GFP_KERNEL);
	if (!g->held) {
		kfree(g);
		return NULL;
	}
	g->offset = rq->offset;
	g->length = rq->length;
	g->flags = rq->flags;
	g->allow = rq->allow;
	g->cache = rq->cache;
	strscpy(g->label, rq->label, sizeof(g->label));
	g->domid = rq->domid;
	g->segment = rq->segment;
	g->bus = rq->bus;
	g->devfn = rq->devfn;
	g->bar = rq->bar;
	g->vendor = pdev->vendor;
	g->device = pdev->device;
	g->subsystem_vendor = pdev->subsystem_vendor;
	g->subsystem_device = pdev->subsystem_device;
	g->uid = from_kuid(&init_user_ns, current_uid());
	g->created = ktime_get_real_ns();
	g->pdev = pci_dev_get(pdev);
	init_waitqueue_head(&g->wait);
	device_initialize(&g->dev);
	g->dev.class = &iomemgrant_class;
	g->dev.groups = iomemgrant_grant_groups;
	g->dev.release = grant_release;
	return g;
}

/* Size of this domain's grant table, and the references it leaves for grants before max_refs. */
struct table_limits {
	u32 frames;
	u32 max_frames;
	u32 headroom;
	u32 per_frame;
	u64 refs;		/* references all grants may take together */
};

static int table_limits(struct table_limits *table)
{
	table->per_frame = iomemgrant_probe_gnttab_version() == 1 ?
			   PAGE_SIZE / sizeof(struct grant_entry_v1) :
			   PAGE_SIZE / sizeof(union grant_entry_v2);
	if (iomemgrant_probe_gnttab_size(&table->frames, &table->max_frames))
		return -EIO;
	table->max_frames = min(table->max_frames, gnttab_max_grant_frames());
	table->headroom = min(READ_ONCE(iomemgrant_headroom), table->max_frames / 2);
	table->refs = range_refs_within_headroom(table->max_frames, table->headroom,
						 table->per_frame);
	return 0;
}

/*
 * Takes consecutive references, but neither more than the module's share nor any
 * of the last grant frames: the other drivers' rings need references too.
 */
static int take_refs(struct grant *g)
{
	u32 max_refs = READ_ONCE(iomemgrant_max_refs), nr_refs = iomemgrant_grant_refs_held();
	struct table_limits table;

	if (g->nr_refs > max_refs || nr_refs > max_refs - g->nr_refs)
		return -EDQUOT;
	if (table_limits(&table))
		return -EIO;
	if (nr_refs + (u64)g->nr_refs > table.refs)
		return -ENOSPC;
	if (gnttab_alloc_grant_reference_seq(g->nr_refs, &g->first_ref))
		return -ENOSPC;
	if (g->first_ref + (u64)g->nr_refs >
	    (u64)(table.max_frames - table.headroom) * table.per_frame) {
		gnttab_free_grant_reference_seq(g->first_ref, g->nr_refs);
		return -ENOSPC;
	}
	return 0;
}

/* From here on the guest may map: each entry is live once its flags are written. */
static void fill_refs(struct grant *g)
{
	unsigned long pfn = PHYS_PFN(g->use.pages.start);
	u32 i;

	for (i = 0; i < g->nr_refs; i++)
		gnttab_grant_foreign_access_ref(g->first_ref + i, g->domid, pfn_to_gfn(pfn + i), 0);
	bitmap_set(g->held, 0, g->nr_refs);
	g->nr_held = g->nr_refs;
}

/* Caller holds the device's lock, iomemgrant_grants_lock, and one reference of @g. */
static int grant_install(struct grant *g, const struct iomemgrant_grant *rq,
			 struct pci_dev *pdev, const void *owner)
{
	int rc;

	rc = iomemgrant_bar_get(pdev, rq, &g->use, &g->hold);
	if (rc)
		return rc;
	rc = iomemgrant_grant_check_overlap(g) ?: iomemgrant_grant_label_check(g, g->label);
	if (rc)
		goto put;
	/* Last of the checks: nothing is granted that could never be mapped. */
	rc = iomemgrant_probe_iomem_map() ? 0 : -EOPNOTSUPP;
	if (rc)
		goto put;
	rc = take_refs(g);
	if (rc)
		goto put;
	g->id = new_id(rq->min_id);
	g->owner = rq->flags & IOMEMGRANT_PERSIST ? NULL : owner;
	rc = dev_set_name(&g->dev, "grant%llu", g->id);
	rc = rc ?: device_add(&g->dev);
	if (rc) {
		gnttab_free_grant_reference_seq(g->first_ref, g->nr_refs);
		goto put;
	}
	fill_refs(g);
	iomemgrant_grant_register(g);
	return 0;
put:
	iomemgrant_bar_put(g->hold, &g->use, true);
	g->hold = NULL;
	return rc;
}

/* A device that left its bus between the look-up and now is never announced again. */
static bool device_still_there(const struct iomemgrant_grant *rq, struct pci_dev *pdev)
{
	struct pci_dev *now = pci_get_domain_bus_and_slot(rq->segment, rq->bus, rq->devfn);

	pci_dev_put(now);
	return now == pdev;
}

static int check_request(const struct iomemgrant_grant *rq)
{
	const u32 flags = IOMEMGRANT_PERSIST | IOMEMGRANT_READ_ONLY | IOMEMGRANT_SHARE;
	const u32 allow = IOMEMGRANT_ALLOW_DRIVER_BOUND | IOMEMGRANT_ALLOW_DMA |
			  IOMEMGRANT_ALLOW_MSIX | IOMEMGRANT_ALLOW_SHARED_PAGE |
			  IOMEMGRANT_ALLOW_CRITICAL | IOMEMGRANT_ALLOW_DECODE_OFF;

	if (rq->flags & ~flags || rq->allow & ~allow || rq->reserved || rq->reserved2)
		return -EINVAL;
	if (rq->min_id > IOMEMGRANT_MIN_ID_MAX || rq->cache > IOMEMGRANT_CACHE_WC ||
	    !iomemgrant_grant_label_valid(rq->label))
		return -EINVAL;
	if (!xen_initial_domain())
		return -ENODEV;
	/* The initial domain is number 0, and nothing is granted to oneself. */
	if (rq->domid == 0 || rq->domid >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	if (rq->bar >= PCI_STD_NUM_BARS || !rq->length ||
	    (rq->offset | rq->length) & ~RANGE_PAGE_MASK)
		return -EINVAL;
	if (rq->flags & IOMEMGRANT_READ_ONLY || rq->allow & IOMEMGRANT_ALLOW_MSIX || rq->order)
		return -EOPNOTSUPP;
	if (rq->length / RANGE_PAGE_SIZE > iomemgrant_max_pages)
		return -EFBIG;
	if (!capable(CAP_SYS_RAWIO) || security_locked_down(LOCKDOWN_PCI_ACCESS))
		return -EPERM;
	return 0;
}

int iomemgrant_grant_create(struct iomemgrant_grant *rq, const void *owner)
{
	struct pci_dev *pdev;
	struct grant *g;
	u16 state;
	int rc;

	rc = check_request(rq);
	if (rc)
		return rc;
	if (!iomemgrant_probe_domain_exists(rq->domid))
		return -ESRCH;
	pdev = pci_get_domain_bus_and_slot(rq->segment, rq->bus, rq->devfn);
	if (!pdev)
		return -ENODEV;
	g = grant_alloc(rq, pdev);
	if (!g) {
		pci_dev_put(pdev);
		return -ENOMEM;
	}
	rc = iomemgrant_store_ask_uuid(rq->domid, &g->uuid);
	if (rc)
		goto put;

	/* A driver's probe may hold it for as long as it likes. */
	rc = device_lock_interruptible(&pdev->dev);
	if (!rc) {
		mutex_lock(&iomemgrant_grants_lock);
		rc = grant_install(g, rq, pdev, owner);
		mutex_unlock(&iomemgrant_grants_lock);
		device_unlock(&pdev->dev);
	}
	if (!rc) {
		rq->id = g->id;
		rq->first_ref = g->first_ref;
		rq->nr_refs = g->nr_refs;
		/*
		 * The device or the domain may have gone before the grant was listed, and
		 * its notification with it.
		 */
		if (!device_still_there(rq, pdev))
			rc = -ENODEV;
		else if (!iomemgrant_probe_domain_exists(rq->domid))
			rc = -ESRCH;
		if (rc)
			iomemgrant_grant_end(g->id, false, g->owner, &state);
		iomemgrant_death_check_later();
	}
put:
	put_device(&g->dev);
	pci_dev_put(pdev);
	return rc;
}

/* The figures of the grant table in INFO. */
void iomemgrant_grant_room(struct iomemgrant_info *info)
{
	u32 max_refs = READ_ONCE(iomemgrant_max_refs);
	struct table_limits table;
	u64 left = 0;

	if (table_limits(&table))
		memset(&table, 0, sizeof(table));
	info->frames = table.frames;
	info->max_frames = table.max_frames;
	info->headroom = table.headroom;
	info->refs_per_frame = table.per_frame;
	if (xen_initial_domain()) {
		left = max_refs > info->nr_refs ? max_refs - info->nr_refs : 0;
		left = min(left, table.refs > info->nr_refs ? table.refs - info->nr_refs : 0);
	}
	info->refs_left = left;
}
