// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping a BAR as it is while its pages are granted: enabled, in D0, reserved.
 *
 * The device may have a driver of its own, which enables it and reserves the BAR
 * through the PCI core.  The core books that on the driver that is bound, and undoes
 * it when that leaves.  So neither is done through the core here:
 * the regions are this module's own (bar/region.c), and the enable count is counted
 * down by hand until it is the last one.
 *
 * The last enable count is given back under the device's lock, or a driver that is
 * just being bound would be switched off.  That lock is outside iomemgrant_grants_lock, so it
 * is only tried for; a hold that does not get it stays listed without uses.
 */
#include <linux/gfp.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>

#include "iomemgrant.h"
#include "bar.h"

LIST_HEAD(iomemgrant_bar_holds);
const struct bar_events *iomemgrant_bar_events;

/*
 * Drivers that keep a device from others and leave its registers alone.  vfio-pci and
 * its relatives are none of them: their users reset the device, power it down and let
 * it do DMA.
 */
static bool driver_is_placeholder(const struct device_driver *drv)
{
	return !strcmp(drv->name, "pciback") || !strcmp(drv->name, "pci-stub");
}

struct device_driver *iomemgrant_bar_user(const struct pci_dev *pdev)
{
	struct device_driver *drv = pdev->dev.driver;

	return drv && !driver_is_placeholder(drv) ? drv : NULL;
}

struct byte_range iomemgrant_bar_window(struct pci_dev *pdev, u8 bar)
{
	struct byte_range r = { pci_resource_start(pdev, bar), pci_resource_len(pdev, bar) };

	return range_to_pages(r);
}

bool iomemgrant_bar_moved(const struct bar_hold *hold)
{
	struct byte_range now = iomemgrant_bar_window(hold->pdev, hold->bar);

	return now.start != hold->window.start || now.length != hold->window.length;
}

/* ------------------------------------------------------------------ the power */

#ifdef CONFIG_PCI_IOV
/* Virtual functions have no such bit: the physical function has one for all of them. */
static bool vf_decodes(struct pci_dev *vf)
{
	struct pci_dev *pf = pci_physfn(vf);
	int cap = pci_find_ext_capability(pf, PCI_EXT_CAP_ID_SRIOV);
	u16 control;

	return cap && !pci_read_config_word(pf, cap + PCI_SRIOV_CTRL, &control) &&
	       control & PCI_SRIOV_CTRL_MSE;
}
#else
static bool vf_decodes(struct pci_dev *vf)
{
	return true;
}
#endif

bool iomemgrant_bar_decodes(struct pci_dev *pdev, u16 command)
{
	return pdev->is_virtfn ? vf_decodes(pdev) : command & PCI_COMMAND_MEMORY;
}

/*
 * Others take enable counts they did not add (sysfs, pciback).  When there are fewer
 * than ours, those missing are not ours any more, and must not be given back.
 */
void iomemgrant_bar_recount(struct pci_dev *pdev)
{
	int nr = atomic_read(&pdev->enable_cnt);
	struct bar_hold *hold;

	list_for_each_entry(hold, &iomemgrant_bar_holds, node)
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
	if (!iomemgrant_bar_decodes(pdev, command) && !(allow & IOMEMGRANT_ALLOW_DECODE_OFF))
		goto put;
	rc = -EACCES;
	if (command & PCI_COMMAND_MASTER && !(allow & IOMEMGRANT_ALLOW_DMA))
		goto put;
	rc = pci_enable_device_mem(pdev);
	if (rc)
		goto put;
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!iomemgrant_bar_decodes(pdev, command)) {
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

/* Those without uses wait to be powered down, those that are gone for their grants. */
struct bar_hold *iomemgrant_bar_find(struct pci_dev *pdev, u8 bar)
{
	struct bar_hold *hold;

	list_for_each_entry(hold, &iomemgrant_bar_holds, node)
		if (hold->pdev == pdev && hold->bar == bar && !list_empty(&hold->uses) &&
		    !hold->gone)
			return hold;
	return NULL;
}

/*
 * A BAR held already: the new grant's own conditions still have to hold.  The driver
 * may be another than at the first grant, or come since.
 */
int iomemgrant_bar_retake(struct bar_hold *hold, struct byte_range pages, u32 allow)
{
	struct device_driver *drv = iomemgrant_bar_user(hold->pdev);
	u16 command;
	int rc;

	if (drv && !(allow & IOMEMGRANT_ALLOW_DRIVER_BOUND))
		return -EBUSY;
	if (pci_read_config_word(hold->pdev, PCI_COMMAND, &command) || command == 0xffff)
		return -ENODEV;
	if (!iomemgrant_bar_decodes(hold->pdev, command))
		return -EHOSTDOWN;
	if (command & PCI_COMMAND_MASTER && !(allow & IOMEMGRANT_ALLOW_DMA))
		return -EACCES;
	/* It may have been made under ALLOW_SHARED_PAGE, which is now not given. */
	rc = iomemgrant_bar_claim_tail(hold, allow);
	if (!rc && !iomemgrant_bar_reserve(hold, pages) && !drv) {
		iomemgrant_bar_trim(hold, pages);
		rc = -EBUSY;
	}
	/* When it leaves, every grant of the BAR is lost. */
	if (!rc && drv)
		hold->driver = drv;
	return rc;
}

/* The root bus, whose bridge owns its windows. */
static struct pci_bus *root_bus(struct pci_bus *bus)
{
	while (!pci_is_root_bus(bus))
		bus = bus->parent;
	return bus;
}

/* A page of its own, for hold->place: see the head of bar/region.c. */
static struct bar_hold *hold_alloc(struct pci_dev *pdev, u8 bar)
{
	struct bar_hold *hold = (struct bar_hold *)get_zeroed_page(GFP_KERNEL);

	BUILD_BUG_ON(sizeof(*hold) > PAGE_SIZE);
	if (!hold)
		return NULL;
	INIT_LIST_HEAD(&hold->uses);
	INIT_LIST_HEAD(&hold->regions);
	hold->pdev = pci_dev_get(pdev);
	hold->pf = pci_dev_get(pci_physfn(pdev));
	hold->bridge = get_device(root_bus(hold->pf->bus)->bridge);
	hold->bar = bar;
	hold->window = iomemgrant_bar_window(pdev, bar);
	return hold;
}

static void hold_free(struct bar_hold *hold)
{
	put_device(hold->bridge);
	pci_dev_put(hold->pf);
	pci_dev_put(hold->pdev);
	free_page((unsigned long)hold);
}

/*
 * While a virtual function is marked as assigned, drivers of physical functions refuse
 * to change the number of virtual functions, which would remove it.  pciback marks
 * what it owns, too, and takes the mark away when it leaves.
 */
void iomemgrant_bar_mark(struct bar_hold *hold)
{
	if (!hold->pdev->is_virtfn || pci_is_dev_assigned(hold->pdev))
		return;
	pci_set_dev_assigned(hold->pdev);
	hold->marked = true;
}

static void unmark(struct bar_hold *hold)
{
	const struct device_driver *drv = hold->pdev->dev.driver;
	struct bar_hold *other;

	if (!hold->marked || (drv && !strcmp(drv->name, "pciback")))
		return;
	list_for_each_entry(other, &iomemgrant_bar_holds, node) {
		if (other != hold && other->pdev == hold->pdev && !list_empty(&other->uses)) {
			other->marked = true;
			return;
		}
	}
	pci_clear_dev_assigned(hold->pdev);
}

int iomemgrant_bar_take(struct pci_dev *pdev, const struct iomemgrant_grant *rq,
			struct byte_range pages, struct bar_hold **out)
{
	struct device_driver *drv = iomemgrant_bar_user(pdev);
	struct bar_hold *hold;
	int rc;

	if (drv && !(rq->allow & IOMEMGRANT_ALLOW_DRIVER_BOUND))
		return -EBUSY;
	hold = hold_alloc(pdev, rq->bar);
	if (!hold)
		return -ENOMEM;
	hold->driver = drv;
	/* A driver that the caller knows of may have the BAR: it lends it. */
	rc = iomemgrant_bar_reserve(hold, pages) || drv ? 0 : -EBUSY;
	rc = rc ?: iomemgrant_bar_claim_tail(hold, rq->allow);
	rc = rc ?: power_up(hold, rq->allow);
	if (rc) {
		iomemgrant_bar_release(hold);
		hold_free(hold);
		return rc;
	}
	list_add(&hold->node, &iomemgrant_bar_holds);
	iomemgrant_bar_mark(hold);
	*out = hold;
	return 0;
}

void iomemgrant_bar_part(struct bar_hold *hold)
{
	iomemgrant_bar_recount(hold->pdev);
	if (hold->counted)
		disable(hold->pdev);
	if (hold->powered)
		pm_runtime_put(&hold->pdev->dev);
	unmark(hold);
	list_del(&hold->node);
	hold_free(hold);
}

void iomemgrant_bar_unplace(struct bar_hold *hold)
{
	if (hold->place.parent)
		release_resource(&hold->place);
}

void iomemgrant_bar_put(struct bar_hold *hold, struct bar_use *use, bool locked)
{
	list_del(&use->node);
	if (!list_empty(&hold->uses)) {
		iomemgrant_bar_trim(hold, use->pages);
		return;
	}
	iomemgrant_bar_unplace(hold);
	iomemgrant_bar_release(hold);
	if (locked) {
		iomemgrant_bar_part(hold);
	} else if (device_trylock(&hold->pdev->dev)) {
		struct device *dev = get_device(&hold->pdev->dev);

		iomemgrant_bar_part(hold);
		device_unlock(dev);
		put_device(dev);
	} else {
		iomemgrant_bar_events->settle_soon();
	}
}
