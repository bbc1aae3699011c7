// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenbus frontend "iomem": maps what a granter publishes, as xen-iomemgrant(7) has
 * it, and gives it a device node.
 *
 *	backend 4 Connected	the references are live: map, write protocol and
 *				mapped-pages, state 4
 *	backend 5, 6 or gone	unmap, write state 6
 *	anything wrong		write error, state 6; tried again only after the
 *				backend has left state 4
 *
 * State 6 says that every reference is given back, and so do state 1 and mapped-pages
 * 0.  While Xen does not take one, they stay what they were and the work below goes on
 * trying.  When the directory goes, or the driver is unbound, map/list.c goes on with
 * the rest of the mapping; nothing is mapped under the same number until that is done.
 *
 * frontend/publication.c reads what is published and trusts none of it.
 *
 * Locks.  fe->lock serializes the watch (otherend_changed), the work, removal and
 * the reboot notifier; it is taken before those of map/create.c.  frontends_lock guards
 * the list and is taken first.
 */
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "decode.h"
#include "frontend.h"
#include "iomemgrant.h"
#include "map/map.h"

#define CLOSE_RETRY	(HZ / 10)

struct frontend {
	struct list_head node;		/* frontends_lock */
	struct xenbus_device *dev;	/* fixed */
	u64 id;				/* fixed */
	struct mutex lock;
	struct iomem_map *map;		/* lock */
	bool failed;			/* lock: not again before the backend left state 4 */
	bool closing;			/* lock: state 6 is due once everything is unmapped */
	struct delayed_work work;
};

static DEFINE_MUTEX(frontends_lock);
static LIST_HEAD(frontends);		/* frontends_lock */

/* --------------------------------------------------------------- state changes */

static const struct fe_node no_pages[] = { { "mapped-pages", "0" }, {} };

/* Gives up a mapping in any state.  Returns -EBUSY while Xen has not taken it back. */
static int fe_drop_map(struct frontend *fe)
{
	struct iomem_map *map = fe->map;

	lockdep_assert_held(&fe->lock);
	fe->map = NULL;
	iomemgrant_map_forget_notify(map);
	return iomemgrant_map_retire(map);
}

/* Unmaps and says so; if Xen is not done, the work comes back here. */
static void fe_close(struct frontend *fe)
{
	lockdep_assert_held(&fe->lock);
	if (fe->map ? iomemgrant_map_revoke(fe->map) : iomemgrant_map_devid_lingers(fe->id)) {
		fe->closing = true;
		mod_delayed_work(iomemgrant_wq, &fe->work, CLOSE_RETRY);
		return;
	}
	if (fe->map)
		fe_drop_map(fe);
	fe->closing = false;
	if (fe->dev->state != XenbusStateClosed)
		iomemgrant_write_closed(fe->dev);
}

static void fe_fail(struct frontend *fe, int err, const char *what)
{
	iomemgrant_write_error(fe->dev, err, what);
	fe->failed = true;
	fe_close(fe);
}

static void fe_connect(struct frontend *fe)
{
	struct map_request rq = {
		.domid = fe->dev->otherend_id,
		.devid = fe->id,
		.notify = &fe->work,
	};
	char label[DECODE_LABEL_MAX + 1] = "";
	uuid_t uuid = uuid_null;
	const char *what;
	int rc;

	lockdep_assert_held(&fe->lock);
	if (fe->map && READ_ONCE(fe->map->state) == MAP_STALE)
		fe_drop_map(fe);
	if (fe->map || fe->failed || fe->closing)
		return;
	if (iomemgrant_map_devid_lingers(fe->id)) {
		mod_delayed_work(iomemgrant_wq, &fe->work, CLOSE_RETRY);
		return;
	}
	rq.label = label;
	rq.uuid = &uuid;
	rc = iomemgrant_publication_read(fe->dev, fe->id, &rq, label, &uuid, &what);
	if (rc) {
		fe_fail(fe, rc, what);
		return;
	}
	fe->map = iomemgrant_map_create(&rq);
	if (IS_ERR(fe->map)) {
		rc = PTR_ERR(fe->map);
		fe->map = NULL;
		fe_fail(fe, rc, rc == -EOPNOTSUPP ? "this Xen has no GNTMAP_iomem_map"
						  : "map the references");
		return;
	}
	/* Of a publication before this one.  Mostly there is none. */
	(void)xenbus_rm(XBT_NIL, fe->dev->nodename, "error");
	iomemgrant_write_state(fe->dev, XenbusStateConnected, fe->map->nr);
}

/* The granter is in state 4, or writes it again because other changes are published. */
static void fe_follow(struct frontend *fe)
{
	fe_connect(fe);
	if (fe->map)
		iomemgrant_publication_read_changes(fe->dev, fe->map);
}

static void fe_otherend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct frontend *fe = dev_get_drvdata(&dev->dev);

	mutex_lock(&fe->lock);
	if (state != XenbusStateConnected)
		fe->failed = false;
	if (state == XenbusStateConnected)
		fe_follow(fe);
	else			/* Closing, Closed, no directory, or nothing we know */
		fe_close(fe);
	mutex_unlock(&fe->lock);
}

static bool fe_is_published(const struct frontend *fe)
{
	const char *dir = fe->dev->otherend;

	return dir &&
	       xenbus_read_unsigned(dir, "state", XenbusStateUnknown) == XenbusStateConnected;
}

/* The mapping changed by itself, could not be given back, or could not be made before. */
static void fe_work(struct work_struct *work)
{
	struct frontend *fe = container_of(to_delayed_work(work), struct frontend, work);

	mutex_lock(&fe->lock);
	if (fe->closing) {
		fe_close(fe);
	} else if (fe->map) {
		switch (READ_ONCE(fe->map->state)) {
		case MAP_STALE:
			fe_drop_map(fe);
			(void)iomemgrant_write_nodes(fe->dev, no_pages);
			break;
		case MAP_REVOKED:
		case MAP_ZOMBIE:
			fe_fail(fe, -EIO, "lost in a suspend");
			break;
		default:
			break;
		}
	}
	/* The watch may have said so when it was too early, or not at all. */
	if (!fe->map && !fe->failed && !fe->closing && fe_is_published(fe))
		fe_follow(fe);
	mutex_unlock(&fe->lock);
}

/* ---------------------------------------------------------------------- driver */

static int fe_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	const char *name = strrchr(dev->nodename, '/');
	struct frontend *fe;
	u64 number;

	if (!name)
		return -EINVAL;
	name++;
	if (decode_number(&name, S64_MAX, &number) || *name)
		return -EINVAL;
	fe = kzalloc(sizeof(*fe), GFP_KERNEL);
	if (!fe)
		return -ENOMEM;
	fe->dev = dev;
	fe->id = number;
	mutex_init(&fe->lock);
	INIT_DELAYED_WORK(&fe->work, fe_work);
	dev_set_drvdata(&dev->dev, fe);
	mutex_lock(&frontends_lock);
	list_add(&fe->node, &frontends);
	mutex_unlock(&frontends_lock);
	/* The watch that xenbus sets next fires at once: mapping starts there. */
	return 0;
}

/* xenbus wrote state 5 when it got no watch; to the granter the publication is not taken up yet. */
static void fe_wait_for_watch(struct frontend *fe)
{
	static const struct fe_node nodes[] = { { "error", WAITING_ERROR }, { "state", "1" }, {} };

	dev_warn(&fe->dev->dev, "not mapped: %s\n", WAITING_ERROR);
	if (!iomemgrant_write_nodes(fe->dev, nodes))
		iomemgrant_waiting_begin(fe->dev);
}

/*
 * The directory was removed, or the driver is unbound, or xenbus_dev_probe() got no watch
 * for the device; the watch is gone already.  Unbound with the publication standing, the
 * device is left as a new one, so that binding again maps again.
 */
static void fe_remove(struct xenbus_device *dev)
{
	struct frontend *fe = dev_get_drvdata(&dev->dev);
	bool given_back;

	mutex_lock(&frontends_lock);
	list_del(&fe->node);
	mutex_unlock(&frontends_lock);
	mutex_lock(&fe->lock);
	fe->failed = true;	/* nothing is mapped any more */
	given_back = fe->map && !fe_drop_map(fe);
	fe->closing = false;
	mutex_unlock(&fe->lock);
	cancel_delayed_work_sync(&fe->work);
	if (given_back)
		iomemgrant_write_state(fe->dev, XenbusStateInitialising, 0);
	if (dev->dev.links.status == DL_DEV_PROBING)
		fe_wait_for_watch(fe);
	else
		iomemgrant_waiting_retry();
	dev_set_drvdata(&dev->dev, NULL);
	kfree(fe);
}

/*
 * After a restore, before the backend is watched again.  The freeze callback of the
 * mapping took everything away; its memory is freed once processes run again.
 */
static int fe_resume(struct xenbus_device *dev)
{
	struct frontend *fe = dev_get_drvdata(&dev->dev);

	mutex_lock(&fe->lock);
	if (fe->map)
		iomemgrant_map_stale(fe->map);
	fe->failed = false;
	fe->closing = false;
	mutex_unlock(&fe->lock);
	return 0;
}

static const struct xenbus_device_id fe_ids[] = { { "iomem" }, { "" } };

static struct xenbus_driver fe_driver = {
	.name = "xen_iomemgrant",
	.ids = fe_ids,
	.allow_rebind = true,
	.not_essential = true,
	.probe = fe_probe,
	.remove = fe_remove,
	.resume = fe_resume,
	.otherend_changed = fe_otherend_changed,
};

/* Before a reboot: xenbus would wait five seconds for each connected device. */
static int fe_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	struct frontend *fe;

	mutex_lock(&frontends_lock);
	list_for_each_entry(fe, &frontends, node) {
		mutex_lock(&fe->lock);
		fe->failed = true;	/* nothing is mapped any more */
		fe_close(fe);
		mutex_unlock(&fe->lock);
	}
	mutex_unlock(&frontends_lock);
	return NOTIFY_DONE;
}

static struct notifier_block fe_reboot_nb = { .notifier_call = fe_reboot };

int iomemgrant_frontend_init(void)
{
	int rc = register_reboot_notifier(&fe_reboot_nb);

	if (rc)
		return rc;
	rc = xenbus_register_frontend(&fe_driver);
	if (rc)
		unregister_reboot_notifier(&fe_reboot_nb);
	return rc;
}

void iomemgrant_frontend_exit(void)
{
	xenbus_unregister_driver(&fe_driver);
	unregister_reboot_notifier(&fe_reboot_nb);
	iomemgrant_waiting_exit();
}
