// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends the grants of domains that are gone, without help from user space.
 *
 * XenStore tells that some domain was released or introduced, not which one, so
 * every domain with a grant is looked at.  It is dead when Xen does not know it or is
 * taking it apart, or when XenStore has another UUID under its number.  A domain that
 * XenStore does not have is alive if Xen says so: xenstored may have been restarted
 * with an empty store.  A domain that only shut down (to be saved, or kept after a
 * crash) is not dead.
 *
 * An event may come before the toolstack has finished with the domain, hence the
 * look is repeated a few times, and slowly for as long as there are grants.  The
 * slow looks ask Xen, which costs a few hypercalls a domain, and XenStore only each
 * sixth time: a restarted xenstored has forgotten that events were asked for.
 *
 * Xen is asked by a work of its own, which goes on while the other one waits for an
 * xenstored that hangs.
 *
 * The watches exist as long as grants do.  Registering and removing them are requests
 * that may never be answered, so the work does both, and from the first grant
 * until it has removed them it holds the module; neither loading nor removing the
 * module asks XenStore anything.
 */
#include <linux/bsearch.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sort.h>

#include <xen/xenbus.h>

#include "iomemgrant.h"
#include "grant.h"
#include "outside.h"

#define QUICK_LOOKS	6
#define ASK_STORE_EACH	6
#define SLOW		(10 * HZ)

static void death_work(struct work_struct *work);
static void ask_xen(struct work_struct *work);
static DECLARE_DELAYED_WORK(death_check, death_work);	/* on iomemgrant_store_wq */
static DECLARE_DELAYED_WORK(xen_check, ask_xen);	/* on iomemgrant_wq */
static DEFINE_MUTEX(awake_lock);
static bool awake;			/* awake_lock: the work holds the module */
static atomic_t quick_looks;		/* left */
/* One domain, as it was when it got a grant. */
struct peer {
	domid_t domid;
	uuid_t uuid;
};

struct peers {
	struct peer *at;
	u32 nr;
};

/* These three are death_work()'s.  bury() reads the last while that waits for it. */
static bool watching;
static unsigned int slow_looks;
static struct peers dead;

/* ------------------------------------------------------------------- the watches */

static void domains_changed(struct xenbus_watch *watch, const char *path, const char *token)
{
	atomic_set(&quick_looks, QUICK_LOOKS);
	mod_delayed_work(iomemgrant_store_wq, &death_check, 0);
}

static struct xenbus_watch released = {
	.node = "@releaseDomain",
	.callback = domains_changed,
};

static struct xenbus_watch introduced = {
	.node = "@introduceDomain",
	.callback = domains_changed,
};

static void start_watching(void)
{
	if (watching || !iomemgrant_store_ready() || register_xenbus_watch(&released))
		return;
	if (register_xenbus_watch(&introduced))
		unregister_xenbus_watch(&released);
	else
		watching = true;
}

static void stop_watching(void)
{
	if (!watching)
		return;
	unregister_xenbus_watch(&introduced);
	unregister_xenbus_watch(&released);
	watching = false;
}

/* ---------------------------------------------------------------------- the look */

static int compare_peers(const void *a, const void *b)
{
	const struct peer *x = a, *y = b;

	return x->domid != y->domid ? x->domid - y->domid :
				      memcmp(&x->uuid, &y->uuid, sizeof(x->uuid));
}

/* Every domain that has a grant, once for each UUID it had. */
static struct peers peers_of_grants(void)
{
	struct peers peers = { NULL, 0 };
	u32 room, nr_refs, i, nr = 0;
	struct grant *g;

	iomemgrant_grant_count(&room, &nr_refs);
	peers.at = kvmalloc_array(room, sizeof(*peers.at), GFP_KERNEL);
	if (!peers.at)
		return peers;
	mutex_lock(&iomemgrant_grants_lock);
	list_for_each_entry(g, &iomemgrant_grants, node) {
		/* A grant made since they were counted has its turn at the next look. */
		if (nr == room)
			break;
		if (!g->ending)
			peers.at[nr++] = (struct peer){ g->domid, g->uuid };
	}
	mutex_unlock(&iomemgrant_grants_lock);
	sort(peers.at, nr, sizeof(*peers.at), compare_peers, NULL);
	for (i = 0; i < nr; i++)
		if (!i || compare_peers(&peers.at[i], &peers.at[i - 1]))
			peers.at[peers.nr++] = peers.at[i];
	return peers;
}

/* The list stays sorted, for those @gone does not pick are left out in place. */
static void keep(struct peers *peers, bool (*gone)(const struct peer *peer))
{
	u32 i, nr = 0;

	for (i = 0; i < peers->nr; i++)
		if (gone(&peers->at[i]))
			peers->at[nr++] = peers->at[i];
	peers->nr = nr;
}

static bool gone_from_xen(const struct peer *peer)
{
	return !iomemgrant_probe_domain_exists(peer->domid) ||
	       iomemgrant_probe_domain_dying(peer->domid);
}

static bool gone_from_store(const struct peer *peer)
{
	uuid_t now;

	/* Without a UUID from the time of the grant only Xen's word counts. */
	return !uuid_is_null(&peer->uuid) && !iomemgrant_store_read_uuid(peer->domid, &now) &&
	       !uuid_equal(&now, &peer->uuid);
}

static bool is_one_of(const struct grant *g, const void *list)
{
	const struct peers *peers = list;
	const struct peer key = { g->domid, g->uuid };

	return bsearch(&key, peers->at, peers->nr, sizeof(key), compare_peers);
}

/* Ending a grant touches its device, which may be asleep while dom0 is suspended: this freezes. */
static void bury(struct work_struct *work)
{
	iomemgrant_grant_end_those(is_one_of, &dead);
}

static DECLARE_WORK(burial, bury);

static void ask_store(void)
{
	dead = peers_of_grants();
	keep(&dead, gone_from_store);
	queue_work(iomemgrant_wq, &burial);
	flush_work(&burial);
	kvfree(dead.at);
}

static void ask_xen(struct work_struct *work)
{
	struct peers peers = peers_of_grants();

	keep(&peers, gone_from_xen);
	iomemgrant_grant_end_those(is_one_of, &peers);
	kvfree(peers.at);
	if (iomemgrant_grant_any())
		queue_delayed_work(iomemgrant_wq, &xen_check, SLOW);
}

/* Without a grant there is nothing to look for.  True: the caller has to let go of the module. */
static bool fall_asleep(void)
{
	bool asleep;

	if (iomemgrant_grant_any())
		return false;
	stop_watching();
	mutex_lock(&awake_lock);
	asleep = !iomemgrant_grant_any();
	if (asleep) {
		awake = false;
		slow_looks = 0;
		/* An event before the watches went may have queued it. */
		cancel_delayed_work(&death_check);
	}
	mutex_unlock(&awake_lock);
	return asleep;
}

static void death_work(struct work_struct *work)
{
	bool quick = atomic_dec_if_positive(&quick_looks) >= 0;

	if (fall_asleep()) {
		module_put(THIS_MODULE);
		return;
	}
	mod_delayed_work(iomemgrant_wq, &xen_check, 0);
	start_watching();
	if (iomemgrant_store_ready() && (quick || !watching || slow_looks++ % ASK_STORE_EACH == 0))
		ask_store();
	iomemgrant_lost_settle_all();
	queue_delayed_work(iomemgrant_store_wq, &death_check, quick ? HZ / 2 : SLOW);
}

static void wake(bool now)
{
	mutex_lock(&awake_lock);
	if (!awake) {
		awake = true;
		__module_get(THIS_MODULE);
	}
	if (now)
		mod_delayed_work(iomemgrant_store_wq, &death_check, 0);
	else
		queue_delayed_work(iomemgrant_store_wq, &death_check, HZ);
	/* The other work, which asks for this one as well, may be waiting for xenstored. */
	queue_delayed_work(iomemgrant_wq, &xen_check, HZ);
	mutex_unlock(&awake_lock);
}

void iomemgrant_death_check_later(void)
{
	wake(false);
}

void iomemgrant_death_check_now(void)
{
	wake(true);
}

void iomemgrant_death_exit(void)
{
	cancel_delayed_work_sync(&xen_check);
}
