// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module for a kernel without Xen: it refuses to load.
 *
 * It exists for dkms, which builds for every kernel of a machine.  On Debian 12 a kernel
 * that dkms.conf excludes, or for which the build fails, leaves the package of that
 * kernel half configured.
 */
#include <linux/module.h>

static int __init absent_init(void)
{
	pr_info("this kernel is built without Xen\n");
	return -ENODEV;
}

module_init(absent_init);
MODULE_DESCRIPTION("Grant pages of PCI BARs to other Xen domains: not for this kernel");
MODULE_AUTHOR("The xen-iomemgrant authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMEMGRANT_VERSION);
