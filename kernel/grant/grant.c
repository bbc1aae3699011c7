// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants of BAR pages to other domains.
 *
 * Purpose.  The grant table can carry the frames of device memory, and a patched
 * Xen gives a domain that maps such a reference permission for that frame.  But the
 * kernel's own grant code assumes RAM behind every reference: it would take the
 * struct page of a BAR when a reference is still busy at its end.  Nor does it keep
 * the BAR in place while another domain uses it.
 *
 * Steps.  GRANT: the BAR is checked (bar/check.c) and held (bar/hold.c), references are
 * taken and filled, user space publishes them.  The guest maps them with
 * GNTMAP_iomem_map.  END: the references are given back one by one, each when Xen
 * says that no domain maps it; then the BAR is let go.
 *
 * Lifetime.  A grant lives as long as the file that made it, or with PERSIST as the
 * module.  The other domain can prolong that: pages that it still maps cannot be taken
 * away, so the grant stays listed as ENDING and is tried again for ever.  Each grant
 * holds the module.
 *
 * End.  END, closing the file and the death of the guest (grant/death.c) end a grant.
 * The loss of its device makes it LOST (bar/watch.c): it ends when it is unmapped.
 *
 * Point of no return.  The moment a reference is filled the guest may map it; from
 * there only the guest, or its death, can free it.
 *
 * Locks.  iomemgrant_grants_lock guards the list of grants, the BAR holds of bar/hold.c
 * and the fields marked so.  It is taken inside the lock of a PCI device (GRANT, and the
 * bus notifier) and inside nothing else of ours.  Never under it: copying from or
 * to user space, XenStore, waiting for another domain.  The sysfs files of a grant
 * take no lock but grant/entry.c's, so that removing them under iomemgrant_grants_lock
 * cannot hang.
 */
#include <linux/bitmap.h>
#include <linux/sched/signal.h>

#include <xen/grant_table.h>

#include "iomemgrant.h"
#include "grant.h"
#include "outside.h"

#define RETRY_FIRST	(HZ / 50)
#define RETRY_LAST	(2 * HZ)

LIST_HEAD(iomemgrant_grants);
/* These three: iomemgrant_grants_lock. */
static u32 nr_grants;
static u32 nr_refs;
static unsigned long retry_delay;
static void (*look_after_grants)(void);	/* fixed */

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);

/* --------------------------------------------------------------------- state */

u32 iomemgrant_grant_state(const struct grant *g)
{
	if (READ_ONCE(g->ending))
		return IOMEMGRANT_ENDING;
	return READ_ONCE(g->lost_reason) ? IOMEMGRANT_LOST : IOMEMGRANT_LIVE;
}

/* A reference that was freed may belong to another driver by now: only ours count. */
u32 iomemgrant_grant_nr_mapped(const struct grant *g)
{
	u32 i, nr = 0;

	if (!iomemgrant_entry_readable())
		return U32_MAX;
	for_each_set_bit(i, g->held, g->nr_refs) {
		int rc = iomemgrant_entry_in_use(g->first_ref + i);

		if (rc < 0)
			return U32_MAX;
		nr += rc;
	}
	return nr;
}

/* -------------------------------------------------------------------- ending */

/* The last reference is free: nothing of the grant remains but its memory. */
static void grant_finish(struct grant *g)
{
	lockdep_assert_held(&iomemgrant_grants_lock);
	list_del(&g->node);
	nr_grants--;
	device_del(&g->dev);
	iomemgrant_bar_put(g->hold, &g->use, false);
	g->hold = NULL;
	iomemgrant_grant_announce();
	wake_up_all(&g->wait);
	put_device(&g->dev);
	if (!nr_grants)
		iomemgrant_grant_look_after();
	module_put(THIS_MODULE);
}

/*
 * Gives back every reference that the other domain does not map right now, and sees
 * to it that the others cannot be mapped again, where grant/entry.c can.  True when all
 * are free; @g is then only valid if the caller holds a reference of its own.
 */
static bool grant_try_end(struct grant *g)
{
	u32 i;

	lockdep_assert_held(&iomemgrant_grants_lock);
	for_each_set_bit(i, g->held, g->nr_refs) {
		if (!gnttab_try_end_foreign_access(g->first_ref + i)) {
			iomemgrant_entry_refuse_maps(g->first_ref + i);
			continue;
		}
		clear_bit(i, g->held);
		g->nr_held--;
		nr_refs--;
	}
	if (g->nr_held)
		return false;
	grant_finish(g);
	return true;
}

void iomemgrant_grant_retry_soon(void)
{
	lockdep_assert_held(&iomemgrant_grants_lock);
	retry_delay = RETRY_FIRST;
	mod_delayed_work(iomemgrant_wq, &retry, retry_delay);
}

static bool grant_start_end(struct grant *g)
{
	bool news = !g->ending;

	lockdep_assert_held(&iomemgrant_grants_lock);
	WRITE_ONCE(g->ending, true);
	if (grant_try_end(g))
		return true;
	if (news)
		iomemgrant_grant_announce_state(g);
	iomemgrant_grant_retry_soon();
	return false;
}

static void retry_work(struct work_struct *work)
{
	struct grant *g, *next;
	bool again;

	mutex_lock(&iomemgrant_grants_lock);
	again = iomemgrant_bar_settle_all();
	list_for_each_entry_safe(g, next, &iomemgrant_grants, node) {
		if (g->withdrawn && !g->ending)
			again |= !grant_start_end(g);
		else if (g->ending && !grant_try_end(g))
			again = true;
	}
	if (again) {
		retry_delay = min_t(unsigned long, retry_delay * 2, RETRY_LAST);
		queue_delayed_work(iomemgrant_wq, &retry, retry_delay);
	}
	mutex_unlock(&iomemgrant_grants_lock);
}

struct grant *iomemgrant_grant_find(u64 id)
{
	struct grant *g;

	list_for_each_entry(g, &iomemgrant_grants, node)
		if (g->id == id)
			return g;
	return NULL;
}

/* The grant @id, which the file @owner has made or whose caller may touch any grant. */
int iomemgrant_grant_find_owned(u64 id, const void *owner, struct grant **out)
{
	struct grant *g = iomemgrant_grant_find(id);

	if (!g)
		return -ENOENT;
	if (g->owner != owner && !capable(CAP_SYS_RAWIO))
		return -EPERM;
	*out = g;
	return 0;
}

int iomemgrant_grant_end(u64 id, bool wait, const void *owner, u16 *state)
{
	struct grant *g;
	int rc;

	mutex_lock(&iomemgrant_grants_lock);
	rc = iomemgrant_grant_find_owned(id, owner, &g);
	if (!rc) {
		get_device(&g->dev);
		if (!grant_start_end(g))
			rc = -EBUSY;
	}
	mutex_unlock(&iomemgrant_grants_lock);
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
void iomemgrant_grant_end_owner(const void *owner)
{
	struct grant *g, *next;

	mutex_lock(&iomemgrant_grants_lock);
	list_for_each_entry_safe(g, next, &iomemgrant_grants, node) {
		if (g->owner != owner)
			continue;
		g->owner = NULL;
		grant_start_end(g);
	}
	mutex_unlock(&iomemgrant_grants_lock);
}

void iomemgrant_grant_end_those(bool (*those)(const struct grant *g, const void *arg),
				const void *arg)
{
	struct grant *g, *next;
	bool again;

	mutex_lock(&iomemgrant_grants_lock);
	list_for_each_entry_safe(g, next, &iomemgrant_grants, node)
		if (!g->ending && those(g, arg))
			grant_start_end(g);
	again = iomemgrant_bar_settle_all();
	/* The references of a dead domain are free the moment Xen has cleaned up. */
	list_for_each_entry(g, &iomemgrant_grants, node)
		again |= g->ending;
	if (again)
		iomemgrant_grant_retry_soon();
	mutex_unlock(&iomemgrant_grants_lock);
}

bool iomemgrant_grant_any(void)
{
	return READ_ONCE(nr_grants) != 0;
}

/* ------------------------------------------------------------------- the list */

int iomemgrant_grant_check_overlap(const struct grant *new)
{
	const struct grant *g;

	list_for_each_entry(g, &iomemgrant_grants, node) {
		if (!ranges_overlap(g->use.pages, new->use.pages))
			continue;
		if (g->domid == new->domid || !(new->flags & IOMEMGRANT_SHARE))
			return -EEXIST;
		/* One page mapped with two cache types has no defined behaviour. */
		if (g->cache != new->cache)
			return -EMEDIUMTYPE;
	}
	return 0;
}

/* The references are filled: from here on the list keeps the grant, and the module. */
void iomemgrant_grant_register(struct grant *g)
{
	lockdep_assert_held(&iomemgrant_grants_lock);
	get_device(&g->dev);
	__module_get(THIS_MODULE);
	g->made = ktime_get_boottime_ns();
	list_add_tail(&g->node, &iomemgrant_grants);
	nr_grants++;
	nr_refs += g->nr_refs;
	iomemgrant_grant_announce();
}

u32 iomemgrant_grant_refs_held(void)
{
	lockdep_assert_held(&iomemgrant_grants_lock);
	return nr_refs;
}

void iomemgrant_grant_count(u32 *grants_out, u32 *refs_out)
{
	mutex_lock(&iomemgrant_grants_lock);
	*grants_out = nr_grants;
	*refs_out = nr_refs;
	mutex_unlock(&iomemgrant_grants_lock);
}

void iomemgrant_grant_look_after(void)
{
	look_after_grants();
}

void iomemgrant_grant_init(void (*look_after)(void))
{
	look_after_grants = look_after;
}

void iomemgrant_grant_exit(void)
{
	cancel_delayed_work_sync(&retry);
}
