// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants of BAR pages to other domains.
 *
 * Why this exists.  The grant table can carry the frames of device memory, and a
 * patched Xen gives whoever maps such a reference permission for that frame.  But
 * the kernel's own grant code assumes RAM behind every reference: it would take
 * the struct page of a BAR when a reference is still busy at its end.  And nobody
 * would keep the BAR in place while another domain uses it.
 *
 * Steps.  GRANT: the BAR is checked and held (pci.c), references are taken and
 * filled, user space publishes them.  The guest maps them with GNTMAP_iomem_map.
 * END: the references are given back one by one, each when Xen says that nobody
 * maps it; then the BAR is let go.
 *
 * Who keeps a grant alive.  The file that made it, or with PERSIST the module.
 * And beyond that the other domain: what it still maps cannot be taken away, stays
 * listed as ENDING and is tried again for ever.  Each grant holds the module.
 *
 * What ends it.  END, closing the file, the death of the guest (death.c).  The
 * loss of the device does not: the references stay until somebody ends them.
 *
 * What cannot be undone.  The moment a reference is filled the guest may map it;
 * from there only the guest, or its death, can free it.
 *
 * Locks.  grants_lock guards the list of grants, the BAR holds of pci.c and the
 * fields marked so.  It is taken inside the lock of a PCI device (GRANT, and the
 * bus notifier) and inside nothing else of ours.  Never under it: copying from or
 * to user space, XenStore, waiting for another domain.  The sysfs files of a grant
 * take no lock but entry.c's, so that removing them under grants_lock cannot hang.
 */
#include <linux/bitmap.h>
#include <linux/cred.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include <xen/grant_table.h>
#include <xen/page.h>

#include "iomemgrant.h"

#define RETRY_FIRST	(HZ / 50)
#define RETRY_LAST	(2 * HZ)

DEFINE_MUTEX(grants_lock);
static LIST_HEAD(grants);		/* grants_lock; in order of id */
static u32 nr_grants;			/* grants_lock */
static u32 nr_refs;			/* grants_lock */
static u64 next_id;			/* grants_lock */
static unsigned long retry_delay;	/* grants_lock */
static u64 generation;			/* grants_lock; read without */
static DECLARE_WAIT_QUEUE_HEAD(generation_wait);

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);

/* ------------------------------------------------------------ state and news */

u32 grant_state(const struct grant *g)
{
	if (READ_ONCE(g->ending))
		return IOMEMGRANT_ENDING;
	return READ_ONCE(g->lost) ? IOMEMGRANT_LOST : IOMEMGRANT_LIVE;
}

/* A reference that was freed may belong to another driver by now: only ours count. */
u32 grant_nr_mapped(const struct grant *g)
{
	u32 i, nr = 0;

	if (!entry_readable())
		return U32_MAX;
	for_each_set_bit(i, g->held, g->nr_refs) {
		int rc = entry_in_use(g->first_ref + i);

		if (rc < 0)
			return U32_MAX;
		nr += rc;
	}
	return nr;
}

u64 grant_generation(void)
{
	return READ_ONCE(generation);
}

__poll_t grant_poll(struct file *file, struct poll_table_struct *wait, u64 seen)
{
	poll_wait(file, &generation_wait, wait);
	return grant_generation() != seen ? EPOLLIN | EPOLLRDNORM | EPOLLPRI : 0;
}

static void announce(void)
{
	lockdep_assert_held(&grants_lock);
	WRITE_ONCE(generation, generation + 1);
	wake_up_interruptible(&generation_wait);
}

static void announce_state(struct grant *g)
{
	sysfs_notify(&g->dev.kobj, NULL, "state");
	kobject_uevent(&g->dev.kobj, KOBJ_CHANGE);
	announce();
}

/* -------------------------------------------------------------------- ending */

/* The last reference is free: nothing of the grant remains but its memory. */
static void grant_finish(struct grant *g)
{
	lockdep_assert_held(&grants_lock);
	list_del(&g->node);
	nr_grants--;
	device_del(&g->dev);
	bar_put(g->hold);
	g->hold = NULL;
	announce();
	wake_up_all(&g->wait);
	put_device(&g->dev);
	module_put(THIS_MODULE);
}

/*
 * Gives back every reference that the other domain does not map right now.  It may
 * map another one in the next instant: a busy version 1 entry stays valid, so a
 * guest that goes on mapping keeps its grant.  True when all are free; @g is then
 * only valid if the caller holds a reference of its own.
 */
static bool grant_try_end(struct grant *g)
{
	u32 i;

	lockdep_assert_held(&grants_lock);
	for_each_set_bit(i, g->held, g->nr_refs) {
		if (!gnttab_try_end_foreign_access(g->first_ref + i))
			continue;
		clear_bit(i, g->held);
		g->nr_held--;
		nr_refs--;
	}
	if (g->nr_held)
		return false;
	grant_finish(g);
	return true;
}

static void retry_soon(void)
{
	lockdep_assert_held(&grants_lock);
	retry_delay = RETRY_FIRST;
	mod_delayed_work(iomemgrant_wq, &retry, retry_delay);
}

static bool grant_start_end(struct grant *g)
{
	bool news = !g->ending;

	lockdep_assert_held(&grants_lock);
	WRITE_ONCE(g->ending, true);
	if (grant_try_end(g))
		return true;
	if (news)
		announce_state(g);
	retry_soon();
	return false;
}

static void retry_work(struct work_struct *work)
{
	struct grant *g, *next;
	bool again;

	mutex_lock(&grants_lock);
	again = bar_settle_all();
	list_for_each_entry_safe(g, next, &grants, node)
		if (g->ending && !grant_try_end(g))
			again = true;
	if (again) {
		retry_delay = min_t(unsigned long, retry_delay * 2, RETRY_LAST);
		queue_delayed_work(iomemgrant_wq, &retry, retry_delay);
	}
	mutex_unlock(&grants_lock);
}

/* Called by the bus notifier of pci.c for a device or driver that leaves. */
void grant_lose(const struct bar_hold *hold)
{
	struct grant *g;

	lockdep_assert_held(&grants_lock);
	list_for_each_entry(g, &grants, node) {
		if (g->hold != hold || g->lost)
			continue;
		WRITE_ONCE(g->lost, true);
		announce_state(g);
	}
	retry_soon();
}

static struct grant *grant_find(u64 id)
{
	struct grant *g;

	list_for_each_entry(g, &grants, node)
		if (g->id == id)
			return g;
	return NULL;
}

int grant_end(u64 id, bool wait, const void *owner, u16 *state)
{
	struct grant *g;
	int rc = 0;

	mutex_lock(&grants_lock);
	g = grant_find(id);
	if (!g) {
		rc = -ENOENT;
	} else if (g->owner != owner && !capable(CAP_SYS_RAWIO)) {
		rc = -EPERM;
	} else {
		get_device(&g->dev);
		if (!grant_start_end(g))
			rc = -EBUSY;
	}
	mutex_unlock(&grants_lock);
	if (rc && rc != -EBUSY)
		return rc;
	if (rc && wait && !wait_event_interruptible(g->wait, !READ_ONCE(g->nr_held)))
		rc = 0;
	else if (rc && wait)
		rc = -EINTR;
	*state = rc ? IOMEMGRANT_ENDING : IOMEMGRANT_ENDED;
	put_device(&g->dev);
	return rc;
}

/* The file is closed: what it did not make PERSIST ends. */
void grant_end_owner(const void *owner)
{
	struct grant *g, *next;

	mutex_lock(&grants_lock);
	list_for_each_entry_safe(g, next, &grants, node) {
		if (g->owner != owner)
			continue;
		g->owner = NULL;
		grant_start_end(g);
	}
	mutex_unlock(&grants_lock);
}

/*
 * Asks @dead about every domain that has a grant, with no lock held, and ends the
 * grants of those that are.  Only death.c calls this.
 */
void grant_each_domain(bool (*dead)(domid_t domid, const uuid_t *uuid))
{
	struct grant *g, *next;
	uuid_t uuid;
	domid_t domid;
	u64 after = 0;
	bool found;

	for (;;) {
		found = false;
		mutex_lock(&grants_lock);
		list_for_each_entry(g, &grants, node) {
			if (g->id <= after || g->ending)
				continue;
			after = g->id;
			domid = g->domid;
			uuid = g->uuid;
			found = true;
			break;
		}
		mutex_unlock(&grants_lock);
		if (!found)
			break;
		if (!dead(domid, &uuid))
			continue;
		mutex_lock(&grants_lock);
		list_for_each_entry_safe(g, next, &grants, node)
			if (g->domid == domid && uuid_equal(&g->uuid, &uuid) && !g->ending)
				grant_start_end(g);
		mutex_unlock(&grants_lock);
	}
	/* What a dead domain had mapped is free the moment Xen has cleaned up. */
	mutex_lock(&grants_lock);
	list_for_each_entry(g, &grants, node) {
		if (g->ending) {
			retry_soon();
			break;
		}
	}
	mutex_unlock(&grants_lock);
}

bool grant_any(void)
{
	return READ_ONCE(nr_grants) != 0;
}

/* ------------------------------------------------------------------- granting */

static void grant_release(struct device *dev)
{
	struct grant *g = to_grant(dev);

	pci_dev_put(g->pdev);
	bitmap_free(g->held);
	kfree(g);
}

/*
 * Ids are the milliseconds since boot when that is more than the last one plus
 * one, so that they are not used again after the module was loaded again.
 */
static u64 new_id(void)
{
	next_id = max(next_id + 1, ktime_to_ms(ktime_get_boottime()) + 0ULL);
	return next_id;
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
	g->dev.groups = grant_groups;
	g->dev.release = grant_release;
	return g;
}

static int check_overlap(const struct grant *new)
{
	const struct grant *g;

	list_for_each_entry(g, &grants, node) {
		if (!range_overlaps(g->pages, new->pages))
			continue;
		if (g->domid == new->domid || !(new->flags & IOMEMGRANT_SHARE))
			return -EEXIST;
	}
	return 0;
}

/* What the table of this domain is and leaves, but for nr_refs and max_refs. */
struct table_limits {
	u32 frames;
	u32 max_frames;
	u32 headroom;
	u32 per_frame;
	u64 refs;		/* references all grants may take together */
};

static int table_limits(struct table_limits *table)
{
	table->per_frame = probe_gnttab_version() == 1 ?
			   PAGE_SIZE / sizeof(struct grant_entry_v1) :
			   PAGE_SIZE / sizeof(union grant_entry_v2);
	if (probe_gnttab_size(&table->frames, &table->max_frames))
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
	u32 max_refs = READ_ONCE(iomemgrant_max_refs);
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
	unsigned long pfn = PHYS_PFN(g->pages.start);
	u32 i;

	for (i = 0; i < g->nr_refs; i++)
		gnttab_grant_foreign_access_ref(g->first_ref + i, g->domid, pfn_to_gfn(pfn + i), 0);
	bitmap_set(g->held, 0, g->nr_refs);
	g->nr_held = g->nr_refs;
	nr_refs += g->nr_refs;
}

/* Caller holds the device's lock, grants_lock, and one reference of @g. */
static int grant_install(struct grant *g, const struct iomemgrant_grant *rq,
			 struct pci_dev *pdev, const void *owner)
{
	int rc;

	rc = bar_get(pdev, rq, &g->hold);
	if (rc)
		return rc;
	g->pages.start = g->hold->window.start + rq->offset;
	g->pages.length = rq->length;
	rc = check_overlap(g);
	if (rc)
		goto put;
	/* Last of the checks: nothing is granted that could never be mapped. */
	rc = probe_iomem_map() ? 0 : -EOPNOTSUPP;
	if (rc)
		goto put;
	rc = take_refs(g);
	if (rc)
		goto put;
	g->id = new_id();
	g->owner = rq->flags & IOMEMGRANT_PERSIST ? NULL : owner;
	rc = dev_set_name(&g->dev, "grant%llu", g->id);
	rc = rc ?: device_add(&g->dev);
	if (rc) {
		gnttab_free_grant_reference_seq(g->first_ref, g->nr_refs);
		goto put;
	}
	fill_refs(g);
	get_device(&g->dev);
	__module_get(THIS_MODULE);
	list_add_tail(&g->node, &grants);
	nr_grants++;
	announce();
	return 0;
put:
	bar_put(g->hold);
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

	if (rq->flags & ~flags || rq->allow & ~allow || rq->reserved)
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

int grant_create(struct iomemgrant_grant *rq, const void *owner)
{
	struct pci_dev *pdev;
	struct grant *g;
	u16 state;
	int rc;

	rc = check_request(rq);
	if (rc)
		return rc;
	if (!probe_domain_exists(rq->domid))
		return -ESRCH;
	pdev = pci_get_domain_bus_and_slot(rq->segment, rq->bus, rq->devfn);
	if (!pdev)
		return -ENODEV;
	g = grant_alloc(rq, pdev);
	if (!g) {
		pci_dev_put(pdev);
		return -ENOMEM;
	}
	death_read_uuid(rq->domid, &g->uuid);

	device_lock(&pdev->dev);
	mutex_lock(&grants_lock);
	rc = grant_install(g, rq, pdev, owner);
	mutex_unlock(&grants_lock);
	device_unlock(&pdev->dev);
	if (!rc) {
		rq->id = g->id;
		rq->first_ref = g->first_ref;
		rq->nr_refs = g->nr_refs;
		/* Both may have happened since the look, and then nobody tells again. */
		if (!device_still_there(rq, pdev))
			rc = -ENODEV;
		else if (!probe_domain_exists(rq->domid))
			rc = -ESRCH;
		if (rc)
			grant_end(g->id, false, g->owner, &state);
		death_check_later();
	}
	put_device(&g->dev);
	pci_dev_put(pdev);
	return rc;
}

/* -------------------------------------------------------------------- listing */

static void fill_entry(const struct grant *g, struct iomemgrant_entry *e)
{
	e->id = g->id;
	e->offset = g->offset;
	e->length = g->length;
	e->address = g->pages.start;
	e->created = g->created;
	e->first_ref = g->first_ref;
	e->nr_refs = g->nr_refs;
	e->nr_mapped = grant_nr_mapped(g);
	e->state = grant_state(g);
	e->flags = g->flags;
	e->allow = g->allow;
	e->uid = g->uid;
	e->segment = g->segment;
	e->bus = g->bus;
	e->devfn = g->devfn;
	e->bar = g->bar;
	e->domid = g->domid;
	e->vendor = g->vendor;
	e->device = g->device;
	e->subsystem_vendor = g->subsystem_vendor;
	e->subsystem_device = g->subsystem_device;
	memcpy(e->uuid, g->uuid.b, sizeof(e->uuid));
}

int grant_list(struct iomemgrant_list *list)
{
	struct iomemgrant_entry *entries = NULL;
	u32 room, i, filled = 0;
	struct grant *g;
	int rc = 0;

	if (list->reserved || (list->nr && list->entry_size < sizeof(*entries)))
		return -EINVAL;
	room = min(list->nr, READ_ONCE(nr_grants));
	if (room) {
		entries = kvcalloc(room, sizeof(*entries), GFP_KERNEL);
		if (!entries)
			return -ENOMEM;
	}
	mutex_lock(&grants_lock);
	list_for_each_entry(g, &grants, node) {
		if (filled == room)
			break;
		fill_entry(g, &entries[filled++]);
	}
	list->nr = nr_grants;
	mutex_unlock(&grants_lock);

	for (i = 0; i < filled && !rc; i++) {
		u64 at = list->entries + (u64)i * list->entry_size;

		if (copy_to_user(u64_to_user_ptr(at), &entries[i], sizeof(*entries)) ||
		    clear_user(u64_to_user_ptr(at + sizeof(*entries)),
			       list->entry_size - sizeof(*entries)))
			rc = -EFAULT;
	}
	kvfree(entries);
	return rc;
}

void grant_count(u32 *grants_out, u32 *refs_out)
{
	mutex_lock(&grants_lock);
	*grants_out = nr_grants;
	*refs_out = nr_refs;
	mutex_unlock(&grants_lock);
}

/* The figures of the grant table in INFO. */
void grant_room(struct iomemgrant_info *info)
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

int grant_init(void)
{
	int rc;

	if (!xen_initial_domain())
		return 0;
	rc = bar_notifier_register();
	if (rc)
		return rc;
	rc = death_init();
	if (rc)
		bar_notifier_unregister();
	return rc;
}

/* Every grant holds the module, so there are none left. */
void grant_exit(void)
{
	if (!xen_initial_domain())
		return;
	death_exit();
	bar_notifier_unregister();
	cancel_delayed_work_sync(&retry);
}
