// SPDX-License-Identifier: GPL-2.0-only
/*
 * Publications that wait for a watch.
 *
 * xenbus sets a watch for each device, and xenstored lets a domain have a limited
 * number of them (128 as a rule).  When xenbus gets none, it takes the driver from the
 * device from within its own probe(), and never binds the device again.  The frontend
 * then writes WAITING_ERROR into `error`, which is also how this file knows such
 * a device: none is kept here that could go meanwhile.
 *
 * They are bound again when another grant of this guest is gone, or when a watch is
 * found free: other drivers free watches, too, and xenbus does not tell of that.  A
 * watch of our own is tried first, because a probe() that fails fills the kernel's log.
 */
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "frontend.h"
#include "iomemgrant.h"

#define RETRY_PERIOD	(20 * HZ)
#define RETRY_SOON	(HZ / 10)

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);
static struct device_driver *driver;	/* set before the work is queued, always the same */

static void ignore(struct xenbus_watch *watch, const char *path, const char *token)
{
}

/* Without driver and with our error.  The driver core locks and looks once more before it binds. */
static bool is_waiting(struct device *device)
{
	const struct xenbus_device *dev = to_xenbus_device(device);
	char *error;
	bool found;

	if (READ_ONCE(device->driver) || strcmp(dev->devicetype, "iomem"))
		return false;
	error = xenbus_read(XBT_NIL, dev->nodename, "error", NULL);
	if (IS_ERR(error))
		return false;
	found = !strcmp(error, WAITING_ERROR);
	kfree(error);
	return found;
}

static int find_waiting(struct device *device, void *unused)
{
	return is_waiting(device);
}

static int bind_waiting(struct device *device, void *unused)
{
	/*
	 * Without success xenbus has the driver removed again, and
	 * iomemgrant_waiting_begin() is called.
	 */
	if (is_waiting(device) && device_attach(device) < 0)
		dev_dbg(device, "not bound\n");
	return 0;
}

static bool watch_is_free(void)
{
	static struct xenbus_watch watch = { .node = "device/iomem", .callback = ignore };

	if (register_xenbus_watch(&watch))
		return false;
	unregister_xenbus_watch(&watch);
	return true;
}

/* Begins with any of them: which publication is taken up first is not promised. */
static void retry_work(struct work_struct *work)
{
	if (!bus_for_each_dev(driver->bus, NULL, NULL, find_waiting))
		return;
	if (watch_is_free())
		bus_for_each_dev(driver->bus, NULL, NULL, bind_waiting);
	else
		queue_delayed_work(iomemgrant_wq, &retry, RETRY_PERIOD);
}

void iomemgrant_waiting_begin(const struct xenbus_device *dev)
{
	driver = dev->dev.driver;
	queue_delayed_work(iomemgrant_wq, &retry, RETRY_PERIOD);
}

/* The work that runs right now may miss it and comes back in time. */
void iomemgrant_waiting_retry(void)
{
	if (delayed_work_pending(&retry))
		mod_delayed_work(iomemgrant_wq, &retry, RETRY_SOON);
}

void iomemgrant_waiting_exit(void)
{
	cancel_delayed_work_sync(&retry);
}
