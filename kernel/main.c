// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: its parameters, and the order in which its parts begin and end.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "frontend/frontend.h"
#include "grant/grant.h"
#include "grant/outside.h"
#include "iomemgrant.h"
#include "map/map.h"

unsigned int iomemgrant_max_pages = 1024;
unsigned int iomemgrant_max_refs = 8192;
unsigned int iomemgrant_headroom = 8;
struct workqueue_struct *iomemgrant_wq;
DEFINE_MUTEX(iomemgrant_grants_lock);

/* A mapping's place in the address space of map/space.c is 4 GiB: 2^20 pages. */
#define MAX_PAGES_LIMIT (1U << 18)

static int set_max_pages(const char *text, const struct kernel_param *kp)
{
	return param_set_uint_minmax(text, kp, 1, MAX_PAGES_LIMIT);
}

static const struct kernel_param_ops max_pages_ops = {
	.set = set_max_pages,
	.get = param_get_uint,
};

module_param_cb(max_pages, &max_pages_ops, &iomemgrant_max_pages, 0644);
MODULE_PARM_DESC(max_pages, "most pages of one grant or mapping (default 1024)");
module_param_named(max_refs, iomemgrant_max_refs, uint, 0644);
MODULE_PARM_DESC(max_refs, "most references of all grants together (default 8192)");
module_param_named(headroom, iomemgrant_headroom, uint, 0644);
MODULE_PARM_DESC(headroom, "grant frames left to other drivers (default 8, at most half)");

/* The granting half, in dom0 only.  Grants tell death.c when it has to look. */
static int __init init_granting(void)
{
	int rc;

	if (!xen_initial_domain())
		return 0;
	iomemgrant_grant_init(iomemgrant_death_check_now);
	rc = iomemgrant_bar_init(&iomemgrant_grant_bar_events);
	if (rc)
		return rc;
	rc = iomemgrant_store_init();
	if (rc)
		iomemgrant_bar_stop();
	return rc;
}

/* Every grant holds the module, so there are none left. */
static void exit_granting(void)
{
	if (!xen_initial_domain())
		return;
	iomemgrant_bar_stop();
	iomemgrant_store_exit();
	iomemgrant_death_exit();
	iomemgrant_grant_exit();
	iomemgrant_bar_exit();
}

static int __init iomemgrant_init(void)
{
	int rc;

	if (!xen_domain())
		return -ENODEV;
	iomemgrant_wq = alloc_workqueue("iomemgrant", WQ_UNBOUND | WQ_FREEZABLE, 0);
	if (!iomemgrant_wq)
		return -ENOMEM;
	rc = class_register(&iomemgrant_class);
	if (rc)
		goto destroy_wq;
	rc = iomemgrant_space_init();
	if (rc)
		goto unregister_class;
	rc = iomemgrant_node_init();
	if (rc)
		goto exit_space;
	rc = init_granting();
	if (rc)
		goto exit_node;
	rc = misc_register(&iomemgrant_device);
	if (rc)
		goto exit_grant;
	iomemgrant_map_pm_init();
	/* Last: publications that wait in XenStore are mapped from here on. */
	rc = iomemgrant_frontend_init();
	if (rc)
		goto exit_pm;
	return 0;

exit_pm:
	iomemgrant_map_pm_exit();
	misc_deregister(&iomemgrant_device);
exit_grant:
	exit_granting();
exit_node:
	iomemgrant_node_exit();
exit_space:
	iomemgrant_space_exit();
unregister_class:
	class_unregister(&iomemgrant_class);
destroy_wq:
	destroy_workqueue(iomemgrant_wq);
	return rc;
}

static void __exit iomemgrant_exit(void)
{
	iomemgrant_frontend_exit();
	misc_deregister(&iomemgrant_device);
	exit_granting();
	iomemgrant_map_exit();
	iomemgrant_map_pm_exit();
	iomemgrant_node_exit();
	iomemgrant_space_exit();
	class_unregister(&iomemgrant_class);
	/* Runs what is queued to its end: its last act may be to drop the module. */
	destroy_workqueue(iomemgrant_wq);
	iomemgrant_entry_exit();
}

module_init(iomemgrant_init);
module_exit(iomemgrant_exit);
MODULE_DESCRIPTION("Grant pages of PCI BARs to other Xen domains, and map them");
MODULE_AUTHOR("The xen-iomemgrant authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMEMGRANT_VERSION);
MODULE_ALIAS("xen:iomem");
