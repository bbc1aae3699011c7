// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping a BAR as it is while its pages are granted: enabled, in D0, reserved.
 *
 * The device may have a driver of its own, which enables it and reserves the BAR
 * through the PCI core.  What the core does then it books on the driver that is
 * bound, to be undone when that leaves.  So neither is done through the core here:
 * the region is this module's own, and the enable count is counted down by hand
 * until it is the last one.
 *
 * The last enable count is given back under the device's lock, or a driver that is
 * just being bound would be switched off.  That lock is outside grants_lock, so it
 * is only tried for; a hold that does not get it stays listed without users.
 */
#include <linux/gfp.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "iomemgrant.h"

#define REGION_NAME "xen_iomemgrant"

LIST_HEAD(bar_holds);		/* grants_lock */

/*
 * Drivers that keep a device from others and leave its registers alone.  vfio-pci and
 * its relatives are none of them: their users reset the device, power it down and let
 * it do DMA.
 */
static bool driver_is_placeholder(const struct device_driver *drv)
{
	return !strcmp(drv->name, "pciback") || !strcmp(drv->name, "pci-stub");
}

struct device_driver *bar_user(const struct pci_dev *pdev)
{
	struct device_driver *drv = pdev->dev.driver;

	return drv && !driver_is_placeholder(drv) ? drv : NULL;
}

struct byte_range bar_window(struct pci_dev *pdev, u8 bar)
{
	struct byte_range r = { pci_resource_start(pdev, bar), pci_resource_len(pdev, bar) };

	return range_to_pages(r);
}

bool bar_moved(const struct bar_hold *hold)
{
	struct byte_range now = bar_window(hold->pdev, hold->bar);

	return now.start != hold->window.start || now.length != hold->window.length;
}

/* -------------------------------------------------------------- the addresses */

/* Below the BAR, where the PCI core would put it for a driver.  Silent. */
bool bar_reserve(struct bar_hold *hold)
{
	struct resource *res = &hold->pdev->resource[hold->bar];

	if (hold->region.parent)
		return true;
	if (!res->parent)
		return false;
	hold->region = (struct resource) {
		.name = REGION_NAME,
		.start = res->start,
		.end = res->end,
		.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
	};
	return !request_resource(res, &hold->region);
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

/* By pointer: the BAR may be elsewhere by now, and these addresses another's. */
void bar_release(struct bar_hold *hold)
{
	if (hold->tail.parent)
		release_resource(&hold->tail);
	if (hold->region.parent)
		release_resource(&hold->region);
}

/* ------------------------------------------------------------------ the power */

/* Virtual functions have no such bit: their BARs follow the physical function. */
bool bar_decodes(struct pci_dev *pdev, u16 command)
{
	return pdev->no_command_memory || command & PCI_COMMAND_MEMORY;
}

/*
 * Others take enable counts they did not add (sysfs, pciback).  When there are fewer
 * than ours, those missing are not ours any more, and must not be given back.
 */
void bar_recount(struct pci_dev *pdev)
{
	int nr = atomic_read(&pdev->enable_cnt);
	struct bar_hold *hold;

	list_for_each_entry(hold, &bar_holds, node)
		if (hold->pdev == pdev && hold->counted && --nr < 0)
			hold->counted = false;
}

/*
 * pci_disable_device() books what it does on the driver that is bound, so it is only
 * for the last count, which no driver can have.  Caller holds the device's lock.
 */
static void disable(struct pci_dev *pdev)
{
	if (!atomic_add_unless(&pdev->enable_cnt, -1, 1))
		pci_disable_device(pdev);
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
	if (!bar_decodes(pdev, command) && !(allow & IOMEMGRANT_ALLOW_DECODE_OFF))
		goto put;
	rc = -EACCES;
	if (command & PCI_COMMAND_MASTER && !(allow & IOMEMGRANT_ALLOW_DMA))
		goto put;
	rc = pci_enable_device_mem(pdev);
	if (rc)
		goto put;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!bar_decodes(pdev, command)) {
		disable(pdev);
		rc = -EHOSTDOWN;
		goto put;
	}
	hold->counted = true;
	hold->powered = true;
	return 0;
put:
	pm_runtime_put(&pdev->dev);
	return rc;
}

/* --------------------------------------------------------------- take and put */

/* Those without users wait to be powered down, those that are gone for their grants. */
struct bar_hold *bar_find(struct pci_dev *pdev, u8 bar)
{
	struct bar_hold *hold;

	list_for_each_entry(hold, &bar_holds, node)
		if (hold->pdev == pdev && hold->bar == bar && hold->users && !hold->gone)
			return hold;
	return NULL;
}

/*
 * A BAR held already: the new grant's own conditions still have to hold.  The driver
 * may be another than at the first grant, or come since.
 */
int bar_retake(struct bar_hold *hold, u32 allow)
{
	struct device_driver *drv = bar_user(hold->pdev);
	u16 command;
	int rc;

	if (drv && !(allow & IOMEMGRANT_ALLOW_DRIVER_BOUND))
		return -EBUSY;
	if (!bar_reserve(hold) && !drv)
		return -EBUSY;
	if (pci_read_config_word(hold->pdev, PCI_COMMAND, &command) || command == 0xffff)
		return -ENODEV;
	if (!bar_decodes(hold->pdev, command))
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

/* It owns the windows of the root bus. */
static struct device *host_bridge(struct pci_bus *bus)
{
	while (!pci_is_root_bus(bus))
		bus = bus->parent;
	return bus->bridge;
}

/*
 * A page of its own for each: a driver that fails to reserve its BAR and releases it
 * nevertheless has whatever region is there unlinked and freed, and the kernel does
 * not free what came from the page allocator.
 */
static struct bar_hold *hold_alloc(struct pci_dev *pdev, u8 bar)
{
	struct bar_hold *hold = (struct bar_hold *)get_zeroed_page(GFP_KERNEL);

	BUILD_BUG_ON(sizeof(*hold) > PAGE_SIZE);
	if (!hold)
		return NULL;
	hold->pdev = pci_dev_get(pdev);
	hold->bridge = get_device(host_bridge(pdev->bus));
	hold->bar = bar;
	hold->window = bar_window(pdev, bar);
	return hold;
}

static void hold_free(struct bar_hold *hold)
{
	put_device(hold->bridge);
	pci_dev_put(hold->pdev);
	free_page((unsigned long)hold);
}

int bar_take(struct pci_dev *pdev, const struct iomemgrant_grant *rq, struct bar_hold **out)
{
	struct device_driver *drv = bar_user(pdev);
	struct bar_hold *hold;
	int rc;

	if (drv && !(rq->allow & IOMEMGRANT_ALLOW_DRIVER_BOUND))
		return -EBUSY;
	hold = hold_alloc(pdev, rq->bar);
	if (!hold)
		return -ENOMEM;
	hold->driver = drv;
	/* The driver the caller knows of has it: the BAR is lent to us. */
	rc = bar_reserve(hold) || drv ? 0 : -EBUSY;
	rc = rc ?: claim_tail(hold, rq->allow);
	rc = rc ?: power_up(hold, rq->allow);
	if (rc) {
		bar_release(hold);
		hold_free(hold);
		return rc;
	}
	list_add(&hold->node, &bar_holds);
	bar_look();
	*out = hold;
	return 0;
}

void bar_part(struct bar_hold *hold)
{
	bar_recount(hold->pdev);
	if (hold->counted)
		disable(hold->pdev);
	if (hold->powered)
		pm_runtime_put(&hold->pdev->dev);
	list_del(&hold->node);
	hold_free(hold);
}

void bar_put(struct bar_hold *hold, bool locked)
{
	if (--hold->users)
		return;
	bar_unplace(hold);
	bar_release(hold);
	if (locked) {
		bar_part(hold);
	} else if (device_trylock(&hold->pdev->dev)) {
		struct device *dev = get_device(&hold->pdev->dev);

		bar_part(hold);
		device_unlock(dev);
		put_device(dev);
	} else {
		grant_retry_soon();
	}
}
