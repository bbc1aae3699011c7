// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offers that wait for a watch.
 *
 * xenbus sets a watch for each device, and xenstored lets a domain have a limited
 * number of them (128 as a rule).  When xenbus gets none it calls the driver's remove()
 * and leaves the device without driver; nothing would bind it again.  Here such devices
 * are kept, and bound when another grant of this guest is gone, or ten seconds later:
 * other drivers free watches, too, and nothing tells of that.
 */
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "iomemgrant.h"

#define RETRY_PERIOD (10 * HZ)

struct waiter {
	struct list_head node;		/* waiters_lock */
	struct xenbus_device *dev;	/* fixed, referenced */
};

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);
static DEFINE_MUTEX(waiters_lock);
static LIST_HEAD(waiters);		/* waiters_lock */

static void ignore(struct xenbus_watch *watch, const char *path, const char *token)
{
}

/* Tries what xenbus tried. */
static bool watch_refused(const struct xenbus_device *dev)
{
	struct xenbus_watch watch = { .node = dev->nodename, .callback = ignore };

	if (register_xenbus_watch(&watch))
		return true;
	unregister_xenbus_watch(&watch);
	return false;
}

static bool is_waiting(const struct xenbus_device *dev)
{
	struct waiter *w;
	bool found = false;

	mutex_lock(&waiters_lock);
	list_for_each_entry(w, &waiters, node)
		found |= w->dev == dev;
	mutex_unlock(&waiters_lock);
	return found;
}

bool waiting_begin(struct xenbus_device *dev)
{
	struct waiter *w;

	if (is_waiting(dev) || !watch_refused(dev))
		return false;
	w = kzalloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return true;
	get_device(&dev->dev);
	w->dev = dev;
	mutex_lock(&waiters_lock);
	list_add_tail(&w->node, &waiters);
	queue_delayed_work(iomemgrant_wq, &retry, RETRY_PERIOD);
	mutex_unlock(&waiters_lock);
	return true;
}

static void waiter_drop(struct waiter *w)
{
	lockdep_assert_held(&waiters_lock);
	list_del(&w->node);
	put_device(&w->dev->dev);
	kfree(w);
}

/*
 * Binds the first one; false when that fails, most likely because no watch is free.  Nothing
 * but the work, which calls this, takes one from the list.
 */
static bool bind_first(void)
{
	struct waiter *w;
	bool done;

	mutex_lock(&waiters_lock);
	w = list_first_entry_or_null(&waiters, struct waiter, node);
	mutex_unlock(&waiters_lock);
	if (!w)
		return false;
	/* It may have been withdrawn meanwhile. */
	done = !device_is_registered(&w->dev->dev) || device_attach(&w->dev->dev) == 1;
	mutex_lock(&waiters_lock);
	if (done)
		waiter_drop(w);
	else	/* It may lack more than a watch: the next round begins with another one. */
		list_move_tail(&w->node, &waiters);
	mutex_unlock(&waiters_lock);
	return done;
}

static void retry_work(struct work_struct *work)
{
	while (bind_first())
		;
	mutex_lock(&waiters_lock);
	if (!list_empty(&waiters))
		queue_delayed_work(iomemgrant_wq, &retry, RETRY_PERIOD);
	mutex_unlock(&waiters_lock);
}

/* A watch may have become free. */
void waiting_retry(void)
{
	mutex_lock(&waiters_lock);
	if (!list_empty(&waiters))
		mod_delayed_work(iomemgrant_wq, &retry, HZ / 10);
	mutex_unlock(&waiters_lock);
}

/* The driver is unregistered: no device comes any more. */
void waiting_exit(void)
{
	struct waiter *w, *next;

	cancel_delayed_work_sync(&retry);
	mutex_lock(&waiters_lock);
	list_for_each_entry_safe(w, next, &waiters, node)
		waiter_drop(w);
	mutex_unlock(&waiters_lock);
}
