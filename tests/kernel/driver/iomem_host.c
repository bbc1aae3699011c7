// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver for a device of which dom0 grants pages: what drivers do to BARs.
 *
 *	insmod iomem_host.ko [claim=1] [move=1] [name=NAME]
 *	echo iomem_host > .../driver_override; echo BDF > .../drivers_probe
 *	echo 1 > /sys/module/iomem_host/parameters/move		as sysfs resizes a BAR: untold
 *	echo PF > /sys/module/iomem_host/parameters/vanish	its virtual functions go, unasked
 *
 * With claim=1 the probe reserves all BARs, with move=1 it gives BAR 0 another place.
 * The driver can have the name of one that no machine here can bind, as vfio-pci
 * without an IOMMU.
 */
#include <linux/module.h>
#include <linux/pci.h>

static struct pci_dev *bound;
static bool move;

static int move_bar(struct pci_dev *pdev)
{
	struct resource *bar = &pdev->resource[0], *window = bar->parent, old = *bar;
	u16 command;
	int rc;

	if (!window)
		return -ENXIO;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	pci_write_config_word(pdev, PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
	pci_release_resource(pdev, 0);
	/* Or it would get the same place. */
	old.parent = old.sibling = old.child = NULL;
	old.name = "iomem_host";
	rc = request_resource(window, &old);
	rc = pci_assign_resource(pdev, 0) ?: rc;
	if (old.parent)
		release_resource(&old);
	pci_write_config_word(pdev, PCI_COMMAND, command);
	return rc;
}

static int set_move(const char *text, const struct kernel_param *kp)
{
	int rc = param_set_bool(text, kp);

	return !rc && move && bound ? move_bar(bound) : rc;
}

static const struct kernel_param_ops move_ops = { .set = set_move, .get = param_get_bool };

module_param_cb(move, &move_ops, &move, 0600);

static int set_vanish(const char *text, const struct kernel_param *kp)
{
	unsigned int segment, bus, slot, function;
	struct pci_dev *pf;

	if (sscanf(text, "%x:%x:%x.%x", &segment, &bus, &slot, &function) != 4)
		return -EINVAL;
	pf = pci_get_domain_bus_and_slot(segment, bus, PCI_DEVFN(slot, function));
	if (!pf)
		return -ENODEV;
	pci_disable_sriov(pf);
	pci_dev_put(pf);
	return 0;
}

static const struct kernel_param_ops vanish_ops = { .set = set_vanish };

module_param_cb(vanish, &vanish_ops, NULL, 0200);

static bool claim;
module_param(claim, bool, 0600);

static char *name = "iomem_host";
module_param(name, charp, 0400);

static int host_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int rc = move ? move_bar(pdev) : 0;

	if (!rc && claim)
		rc = pci_request_regions(pdev, "iomem_host");
	if (!rc)
		bound = pdev;
	return rc;
}

static void host_remove(struct pci_dev *pdev)
{
	bound = NULL;
	if (claim)
		pci_release_regions(pdev);
}

/* Only driver_override binds it. */
static const struct pci_device_id ids[] = { {} };

static struct pci_driver host_driver = {
	.id_table = ids,
	.probe = host_probe,
	.remove = host_remove,
	.driver_managed_dma = true,
};

static int __init host_init(void)
{
	host_driver.name = name;
	return pci_register_driver(&host_driver);
}

static void __exit host_exit(void)
{
	pci_unregister_driver(&host_driver);
}

module_init(host_init);
module_exit(host_exit);

MODULE_DESCRIPTION("What drivers of a granted device do to its BARs");
MODULE_LICENSE("GPL");
