// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BAR behind a grant: may its pages be granted, and keeping it as it is for
 * as long as they are.
 *
 * User space has checked most of this before; it is checked again because user
 * space only proposes.  All of it runs in dom0 under grants_lock, and taking a
 * BAR also under the device's lock, so that no driver binds or leaves meanwhile.
 *
 * What cannot be prevented: a device that is pulled, or removed through sysfs.
 * Its BAR's addresses may then be given to another device while the guest still
 * maps them.  So they are reserved again as soon as the PCI core let go of them
 * (bar_settle_all()) and stay so until the last reference is free.
 */
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/slab.h>

#include <asm/e820/api.h>
#include <asm/xen/page.h>
#include <xen/pci.h>

#include "iomemgrant.h"

#define REGION_NAME "xen_iomemgrant"

static LIST_HEAD(bar_holds);		/* grants_lock */

/* Drivers that own a device for somebody else and keep their hands off its BARs. */
static bool driver_is_placeholder(const struct device_driver *drv)
{
	return !strcmp(drv->name, "pciback") || !strcmp(drv->name, "pci-stub") ||
	       !strcmp(drv->name, "vfio-pci");
}

/* The pages a BAR's registers lie in.  A small BAR gets the whole of its page. */
static struct byte_range bar_window(struct pci_dev *pdev, u8 bar)
{
	struct byte_range r = { pci_resource_start(pdev, bar), pci_resource_len(pdev, bar) };

	return range_to_pages(r);
}

static int check_bar(struct pci_dev *pdev, const struct iomemgrant_grant *rq)
{
	unsigned long flags;

	if (rq->bar >= PCI_STD_NUM_BARS)
		return -EINVAL;
	flags = pci_resource_flags(pdev, rq->bar);
	if (!(flags & IORESOURCE_MEM) || flags & IORESOURCE_UNSET ||
	    !pci_resource_start(pdev, rq->bar) || !pci_resource_len(pdev, rq->bar))
		return -ENXIO;
	return range_check(rq->offset, rq->length, bar_window(pdev, rq->bar).length,
			   iomemgrant_max_pages);
}

/* Defence in depth: Xen judges by page owner and e820 when the guest maps. */
static int check_frames(struct byte_range pages)
{
	unsigned long pfn, end = PHYS_PFN(pages.start + pages.length);

	if (region_intersects(pages.start, pages.length, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT)
		return -EADDRNOTAVAIL;
	for (pfn = PHYS_PFN(pages.start); pfn < end; pfn++) {
		if (page_is_ram(pfn))
			return -EADDRNOTAVAIL;
#ifdef CONFIG_XEN_PV
		/* A PV dom0 names machine frames: this one must stand for itself. */
		if (xen_pv_domain() && __pfn_to_mfn(pfn) != IDENTITY_FRAME(pfn))
			return -EADDRNOTAVAIL;
#endif
	}
	if (probe_gnttab_version() == 1 && !range_fits_v1(pages))
		return -EOVERFLOW;
	return 0;
}

static int check_msix_part(struct pci_dev *pdev, u8 bar, struct byte_range pages, int reg,
			   struct byte_range (*span)(u32 reg, u16 flags))
{
	struct byte_range part;
	u32 value;
	u16 flags;

	if (pci_read_config_dword(pdev, pdev->msix_cap + reg, &value) ||
	    pci_read_config_word(pdev, pdev->msix_cap + PCI_MSIX_FLAGS, &flags) ||
	    value == ~0U)
		return -ENODEV;
	if ((value & PCI_MSIX_TABLE_BIR) != bar)
		return 0;
	part = span(value, flags);
	part.start += pci_resource_start(pdev, bar);
	return range_overlaps(range_to_pages(part), pages) ? -EPERM : 0;
}

/* Who writes an interrupt table sends interrupts as he likes. */
static int check_msix(struct pci_dev *pdev, u8 bar, struct byte_range pages)
{
	int rc;

	if (!pdev->msix_cap)
		return 0;
	rc = check_msix_part(pdev, bar, pages, PCI_MSIX_TABLE, range_msix_table);
	return rc ?: check_msix_part(pdev, bar, pages, PCI_MSIX_PBA, range_msix_pba);
}

/* Reserves what a small BAR leaves of its page, so that nothing else moves in. */
static int claim_tail(struct bar_hold *hold, u32 allow)
{
	struct resource *res = &hold->pdev->resource[hold->bar];
	u64 end = hold->window.start + hold->window.length - 1;

	if (res->start == hold->window.start && res->end == end)
		return 0;
	if (allow & IOMEMGRANT_ALLOW_SHARED_PAGE)
		return 0;
	if (res->start != hold->window.start || !res->parent)
		return -ENOTUNIQ;
	hold->tail.name = REGION_NAME;
	hold->tail.start = res->end + 1;
	hold->tail.end = end;
	hold->tail.flags = res->flags;
	return request_resource(res->parent, &hold->tail) ? -ENOTUNIQ : 0;
}

static void unclaim_tail(struct bar_hold *hold)
{
	if (hold->tail.parent)
		release_resource(&hold->tail);
}

/* Virtual functions have no such bit: their BARs follow the physical function. */
static bool decodes(const struct pci_dev *pdev, u16 command)
{
	return pdev->no_command_memory || command & PCI_COMMAND_MEMORY;
}

/* The driver that uses the device for dom0, or NULL.  Caller holds the device's lock. */
static struct device_driver *user_of(const struct pci_dev *pdev)
{
	struct device_driver *drv = pdev->dev.driver;

	return drv && !driver_is_placeholder(drv) ? drv : NULL;
}

/* Enables the device and holds it in D0.  Turns memory decoding on. */
static int power_up(struct bar_hold *hold, u32 allow)
{
	struct pci_dev *pdev = hold->pdev;
	u16 command;
	int rc;

	rc = pm_runtime_resume_and_get(&pdev->dev);
	if (rc < 0)
		return -EIO;
	rc = -ENODEV;
	if (pci_read_config_word(pdev, PCI_COMMAND, &command) || command == 0xffff)
		goto put;
	rc = -EHOSTDOWN;
	if (!decodes(pdev, command) && !(allow & IOMEMGRANT_ALLOW_DECODE_OFF))
		goto put;
	rc = -EACCES;
	if (command & PCI_COMMAND_MASTER && !(allow & IOMEMGRANT_ALLOW_DMA))
		goto put;
	rc = pci_enable_device_mem(pdev);
	if (rc)
		goto put;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!decodes(pdev, command)) {
		pci_disable_device(pdev);
		rc = -EHOSTDOWN;
		goto put;
	}
	hold->enabled = true;
	return 0;
put:
	pm_runtime_put(&pdev->dev);
	return rc;
}

static void power_down(struct bar_hold *hold)
{
	if (hold->enabled) {
		/* sysfs may have taken our count; the PCI core warns about one too many. */
		if (pci_is_enabled(hold->pdev))
			pci_disable_device(hold->pdev);
		pm_runtime_put(&hold->pdev->dev);
	}
	hold->enabled = false;
}

static int reserve(struct bar_hold *hold, u32 allow)
{
	struct device_driver *drv = user_of(hold->pdev);

	if (drv && !(allow & IOMEMGRANT_ALLOW_DRIVER_BOUND))
		return -EBUSY;
	hold->driver = drv;
	hold->reserved = !pci_request_region(hold->pdev, hold->bar, REGION_NAME);
	/* The driver the caller knows of has it: the BAR is lent to us. */
	return hold->reserved || drv ? 0 : -EBUSY;
}

static struct bar_hold *bar_find(struct pci_dev *pdev, u8 bar)
{
	struct bar_hold *hold;

	list_for_each_entry(hold, &bar_holds, node)
		if (hold->pdev == pdev && hold->bar == bar)
			return hold;
	return NULL;
}

/*
 * A BAR held already: the new grant's own conditions still have to hold.  The driver
 * may be another than at the first grant, or come since.
 */
static int recheck(struct bar_hold *hold, u32 allow)
{
	struct device_driver *drv = user_of(hold->pdev);
	u16 command;
	int rc;

	if (hold->gone)
		return -ENODEV;
	if (drv && !(allow & IOMEMGRANT_ALLOW_DRIVER_BOUND))
		return -EBUSY;
	if (!hold->reserved)
		hold->reserved = !pci_request_region(hold->pdev, hold->bar, REGION_NAME);
	if (!hold->reserved && !drv)
		return -EBUSY;
	if (pci_read_config_word(hold->pdev, PCI_COMMAND, &command) || command == 0xffff)
		return -ENODEV;
	if (!decodes(hold->pdev, command))
		return -EHOSTDOWN;
	if (command & PCI_COMMAND_MASTER && !(allow & IOMEMGRANT_ALLOW_DMA))
		return -EACCES;
	/* Made under ALLOW_SHARED_PAGE, now asked for without. */
	rc = hold->tail.parent ? 0 : claim_tail(hold, allow);
	/* When it leaves, every grant of the BAR is lost. */
	if (!rc && drv)
		hold->driver = drv;
	return rc;
}

static int bar_take(struct pci_dev *pdev, const struct iomemgrant_grant *rq,
		    struct bar_hold **out)
{
	struct bar_hold *hold = kzalloc(sizeof(*hold), GFP_KERNEL);
	int rc;

	if (!hold)
		return -ENOMEM;
	hold->pdev = pdev;
	hold->bar = rq->bar;
	hold->window = bar_window(pdev, rq->bar);
	rc = reserve(hold, rq->allow);
	if (rc)
		goto free;
	rc = claim_tail(hold, rq->allow);
	if (rc)
		goto release;
	rc = power_up(hold, rq->allow);
	if (rc)
		goto unclaim;
	hold->pdev = pci_dev_get(pdev);
	list_add(&hold->node, &bar_holds);
	*out = hold;
	return 0;

unclaim:
	unclaim_tail(hold);
release:
	if (hold->reserved)
		pci_release_region(pdev, hold->bar);
free:
	kfree(hold);
	return rc;
}

int bar_get(struct pci_dev *pdev, const struct iomemgrant_grant *rq, struct bar_hold **out)
{
	struct byte_range pages;
	struct bar_hold *hold;
	int rc;

	if (xen_find_device_domain_owner(pdev) >= 0)
		return -EBUSY;
	rc = check_bar(pdev, rq);
	if (rc)
		return rc;
	pages.start = bar_window(pdev, rq->bar).start + rq->offset;
	pages.length = rq->length;
	rc = check_frames(pages) ?: check_msix(pdev, rq->bar, pages);
	if (rc)
		return rc;
	hold = bar_find(pdev, rq->bar);
	rc = hold ? recheck(hold, rq->allow) : bar_take(pdev, rq, &hold);
	if (rc)
		return rc;
	hold->users++;
	*out = hold;
	return 0;
}

void bar_put(struct bar_hold *hold)
{
	if (--hold->users)
		return;
	list_del(&hold->node);
	if (hold->placeholder)
		release_mem_region(hold->window.start, hold->window.length);
	unclaim_tail(hold);
	power_down(hold);
	if (hold->reserved)
		pci_release_region(hold->pdev, hold->bar);
	pci_dev_put(hold->pdev);
	kfree(hold);
}

static bool bar_settle(struct bar_hold *hold)
{
	if (hold->gone && !hold->settled) {
		/* Too early, the child would vanish with the BAR's own resource. */
		if (hold->pdev->resource[hold->bar].parent)
			return true;
		hold->settled = true;
		hold->placeholder = request_mem_region(hold->window.start, hold->window.length,
						       REGION_NAME " (device gone)");
		if (!hold->placeholder)
			pr_warn("%s BAR %u: addresses still mapped by a guest are in use again\n",
				pci_name(hold->pdev), hold->bar);
		return false;
	}
	if (!hold->gone && !hold->reserved && !hold->driver) {
		hold->reserved = !pci_request_region(hold->pdev, hold->bar, REGION_NAME);
		return !hold->reserved;
	}
	return false;
}

bool bar_settle_all(void)
{
	struct bar_hold *hold;
	bool again = false;

	list_for_each_entry(hold, &bar_holds, node)
		again |= bar_settle(hold);
	return again;
}

/*
 * The PCI core announces a removal twice: before the device leaves its bus and
 * after.  A grant that found the device between the two is caught by the second.
 */
static void bar_device_gone(struct bar_hold *hold)
{
	if (hold->gone)
		return;
	hold->gone = true;
	/* No power_down(): the device is not there to be written to. */
	hold->enabled = false;
	unclaim_tail(hold);
	if (hold->reserved)
		pci_release_region(hold->pdev, hold->bar);
	hold->reserved = false;
	grant_lose(hold);
}

static int bar_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;
	struct bar_hold *hold;

	if (action != BUS_NOTIFY_DEL_DEVICE && action != BUS_NOTIFY_REMOVED_DEVICE &&
	    action != BUS_NOTIFY_UNBIND_DRIVER)
		return NOTIFY_DONE;
	mutex_lock(&grants_lock);
	list_for_each_entry(hold, &bar_holds, node) {
		if (&hold->pdev->dev != dev)
			continue;
		if (action != BUS_NOTIFY_UNBIND_DRIVER) {
			bar_device_gone(hold);
		} else if (hold->driver) {
			hold->driver = NULL;
			grant_lose(hold);
		}
	}
	mutex_unlock(&grants_lock);
	return NOTIFY_OK;
}

static struct notifier_block bar_nb = { .notifier_call = bar_notify };

int bar_notifier_register(void)
{
	return bus_register_notifier(&pci_bus_type, &bar_nb);
}

void bar_notifier_unregister(void)
{
	bus_unregister_notifier(&pci_bus_type, &bar_nb);
}
