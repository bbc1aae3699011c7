// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends the grants of domains that are gone, without help from user space.
 *
 * XenStore tells that some domain was released or introduced, not which one, so
 * every domain with a grant is looked at: it is dead when Xen does not know it,
 * or when XenStore has no such domain or another UUID under its number.  A domain
 * that only shut down (to be saved, or kept after a crash) is not dead.
 *
 * An event may come before the toolstack has finished with the domain, hence the
 * look is repeated a few times, and slowly for as long as there are grants.
 *
 * No lock of this module is held while XenStore is asked: xenstored may never
 * answer.
 */
#include <linux/slab.h>
#include <xen/xenbus.h>

#include "iomemgrant.h"

static void death_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(death_check, death_work);
static atomic_t death_rush;		/* quick looks left */
static bool store_ready;		/* set once, by the notifier */
static bool watching;			/* same */

#define VM_PATH "/vm/"

/* 0, -ENOENT XenStore has no such domain, other: cannot tell. */
static int read_uuid(domid_t domid, uuid_t *uuid)
{
	unsigned int len;
	char dir[32];
	char *vm;
	int rc = -EINVAL;

	if (!READ_ONCE(store_ready))
		return -EAGAIN;
	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	vm = xenbus_read(XBT_NIL, dir, "vm", &len);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	if (!strncmp(vm, VM_PATH, strlen(VM_PATH)))
		rc = uuid_parse(vm + strlen(VM_PATH), uuid);
	kfree(vm);
	return rc;
}

bool death_store_ready(void)
{
	return READ_ONCE(store_ready);
}

void death_read_uuid(domid_t domid, uuid_t *uuid)
{
	if (read_uuid(domid, uuid))
		*uuid = uuid_null;
}

static bool domain_dead(domid_t domid, const uuid_t *uuid)
{
	uuid_t now;
	int rc;

	if (!probe_domain_exists(domid))
		return true;
	/* Without a UUID from the time of the grant only Xen's word counts. */
	if (uuid_is_null(uuid))
		return false;
	rc = read_uuid(domid, &now);
	return rc == -ENOENT || (!rc && !uuid_equal(&now, uuid));
}

static void death_work(struct work_struct *work)
{
	grant_each_domain(domain_dead);
	lost_tell_all();
	if (atomic_dec_if_positive(&death_rush) >= 0)
		queue_delayed_work(iomemgrant_wq, &death_check, HZ / 2);
	else if (grant_any())
		queue_delayed_work(iomemgrant_wq, &death_check, 10 * HZ);
}

/* A grant was made: keep an eye on its domain. */
void death_check_later(void)
{
	queue_delayed_work(iomemgrant_wq, &death_check, HZ);
}

static void death_check_soon(void)
{
	atomic_set(&death_rush, 6);
	mod_delayed_work(iomemgrant_wq, &death_check, 0);
}

static void domains_changed(struct xenbus_watch *watch, const char *path, const char *token)
{
	if (grant_any())
		death_check_soon();
}

static struct xenbus_watch released = {
	.node = "@releaseDomain",
	.callback = domains_changed,
};

static struct xenbus_watch introduced = {
	.node = "@introduceDomain",
	.callback = domains_changed,
};

static int store_up(struct notifier_block *nb, unsigned long event, void *data)
{
	if (register_xenbus_watch(&released)) {
		pr_warn("no watch on dying domains: looking every ten seconds instead\n");
	} else if (register_xenbus_watch(&introduced)) {
		unregister_xenbus_watch(&released);
		pr_warn("no watch on new domains: looking every ten seconds instead\n");
	} else {
		watching = true;
	}
	WRITE_ONCE(store_ready, true);
	return NOTIFY_DONE;
}

static struct notifier_block store_nb = { .notifier_call = store_up };

int death_init(void)
{
	return register_xenstore_notifier(&store_nb);
}

void death_exit(void)
{
	unregister_xenstore_notifier(&store_nb);
	if (watching) {
		unregister_xenbus_watch(&introduced);
		unregister_xenbus_watch(&released);
	}
	cancel_delayed_work_sync(&death_check);
}
