// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes of a BAR that the module cannot prevent while its pages are granted.
 *
 * A driver that leaves: the grants it lent are lost.  It leaves a device that stays
 * enabled and that the guest can still tell to do DMA, by descriptors that no driver
 * owns any more: so that is switched off.  The BAR is reserved in the same moment.
 *
 * A driver that comes: the grants made for a device without one are lost.  So are
 * those of other domains when pciback gives the device to one.
 *
 * A device that is pulled, removed or moved to other addresses: its old ones may be
 * given to another device while the guest still maps them.  So they are reserved
 * again as soon as the PCI core let go of them, see bar/place.c.
 *
 * The bus notifier tells of most, inside the device's lock but for removals.
 * iomemgrant_bar_look() looks for the others: a BAR that sysfs resizes, a device given to
 * another guest, a write to configuration space.
 */
#include <linux/pci.h>

#include <xen/pci.h>

#include "iomemgrant.h"
#include "bar.h"

void iomemgrant_bar_lost(struct bar_hold *hold, u32 reason)
{
	if (hold->gone)
		return;
	hold->gone = true;
	iomemgrant_bar_release(hold);
	iomemgrant_bar_events->lost(hold, reason, 0, -1);
	iomemgrant_bar_events->settle_soon();
}

/* No power down: the device is not there to be written to. */
static void bar_removed(struct bar_hold *hold)
{
	hold->counted = false;
	hold->powered = false;
	iomemgrant_bar_lost(hold, IOMEMGRANT_LOST_DEVICE_GONE);
}

/* The register behind the BAR has another address than the kernel's books. */
static bool register_differs(struct pci_dev *pdev, u8 bar)
{
	int at = PCI_BASE_ADDRESS_0 + 4 * bar;
	struct pci_bus_region region;
	u32 low, high = 0;

	/* Virtual functions and BARs of a fixed place have registers that read 0. */
	if (pdev->is_virtfn || pci_resource_flags(pdev, bar) & IORESOURCE_PCI_FIXED)
		return false;
	pcibios_resource_to_bus(pdev->bus, &region, &pdev->resource[bar]);
	if (pci_read_config_dword(pdev, at, &low))
		return false;
	if (pci_resource_flags(pdev, bar) & IORESOURCE_MEM_64 &&
	    pci_read_config_dword(pdev, at + 4, &high))
		return false;
	return ((u64)high << 32 | (low & PCI_BASE_ADDRESS_MEM_MASK)) != region.start;
}

/* IOMEMGRANT_CHANGED_*; a device that does not answer has none of them. */
static u32 changes_of(struct bar_hold *hold)
{
	struct pci_dev *pdev = hold->pdev;
	u16 command, power = 0;
	u32 changes = 0;

	if (pci_read_config_word(pdev, PCI_COMMAND, &command) || command == 0xffff)
		return 0;
	if (pdev->pm_cap && pci_read_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, &power))
		power = 0;
	if (command & PCI_COMMAND_MASTER)
		changes |= IOMEMGRANT_CHANGED_BUS_MASTER;
	if (!iomemgrant_bar_decodes(pdev, command))
		changes |= IOMEMGRANT_CHANGED_DECODE_OFF;
	if (power & PCI_PM_CTRL_STATE_MASK)
		changes |= IOMEMGRANT_CHANGED_NOT_D0;
	if (register_differs(pdev, hold->bar))
		changes |= IOMEMGRANT_CHANGED_BAR_REGISTER;
	return changes;
}

/* True: look again soon.  Caller holds the device's lock. */
static bool settle(struct bar_hold *hold)
{
	int owner = xen_find_device_domain_owner(hold->pdev);

	if (!device_is_registered(&hold->pdev->dev)) {
		bar_removed(hold);
		return true;
	}
	if (iomemgrant_bar_moved(hold)) {
		iomemgrant_bar_lost(hold, IOMEMGRANT_LOST_MOVED);
		return true;
	}
	if (owner >= 0)
		iomemgrant_bar_events->lost(hold, IOMEMGRANT_LOST_ASSIGNED, 0, owner);
	iomemgrant_bar_recount(hold->pdev);
	iomemgrant_bar_mark(hold);
	iomemgrant_bar_events->changed(hold, changes_of(hold));
	/* A driver that is here keeps what it has; there is news when it leaves. */
	return !iomemgrant_bar_user(hold->pdev) && !iomemgrant_bar_reserve_all(hold);
}

bool iomemgrant_bar_settle_all(void)
{
	bool again = iomemgrant_bar_still_leaving();
	struct bar_hold *hold, *next;
	struct device *dev;

	list_for_each_entry_safe(hold, next, &iomemgrant_bar_holds, node) {
		if (!list_empty(&hold->uses) && hold->gone) {
			again |= iomemgrant_bar_place(hold);
			continue;
		}
		dev = get_device(&hold->pdev->dev);
		if (!device_trylock(dev)) {
			again |= list_empty(&hold->uses);
		} else {
			if (!list_empty(&hold->uses))
				again |= settle(hold);
			else
				iomemgrant_bar_part(hold);
			device_unlock(dev);
		}
		put_device(dev);
	}
	return again;
}

/*
 * The PCI core announces a removal twice: before the device leaves its bus and
 * after.  A grant that found the device between the two is caught by the second.
 */
static void device_leaves(struct pci_dev *pdev)
{
	struct bar_hold *hold;

	if (list_empty(&iomemgrant_bar_holds))
		return;
	list_for_each_entry(hold, &iomemgrant_bar_holds, node) {
		iomemgrant_bar_take_out(hold, pdev);
		if (hold->pdev == pdev)
			bar_removed(hold);
	}
	iomemgrant_bar_leaving(pdev);
	iomemgrant_bar_events->settle_soon();
}

static bool is_master(struct pci_dev *pdev)
{
	u16 command;

	return !pci_read_config_word(pdev, PCI_COMMAND, &command) && command & PCI_COMMAND_MASTER;
}

/* A driver resizes or moves BARs in its probe. */
static bool moved(struct bar_hold *hold)
{
	if (!hold->gone && iomemgrant_bar_moved(hold))
		iomemgrant_bar_lost(hold, IOMEMGRANT_LOST_MOVED);
	return hold->gone;
}

/* All of it inside the lock of the hold's device. */
static void driver_news(struct bar_hold *hold, unsigned long action)
{
	switch (action) {
	case BUS_NOTIFY_BIND_DRIVER:
		/* Before the driver adds counts of its own. */
		iomemgrant_bar_recount(hold->pdev);
		hold->was_master = is_master(hold->pdev);
		break;
	case BUS_NOTIFY_BOUND_DRIVER:
		hold->driver = iomemgrant_bar_user(hold->pdev);
		if (hold->driver && !moved(hold))
			iomemgrant_bar_events->lost(hold, IOMEMGRANT_LOST_DRIVER_CAME,
						    IOMEMGRANT_ALLOW_DRIVER_BOUND, -1);
		break;
	case BUS_NOTIFY_UNBIND_DRIVER:
		if (hold->driver)
			iomemgrant_bar_events->lost(hold, IOMEMGRANT_LOST_DRIVER_LEFT, 0, -1);
		hold->driver = NULL;
		break;
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
		/* It may just have looked at the device: what was on before stays on. */
		if (!hold->was_master)
			pci_clear_master(hold->pdev);
		moved(hold);
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		/* Our enable count kept the PCI core from doing it. */
		pci_clear_master(hold->pdev);
		if (!list_empty(&hold->uses) && !moved(hold)) {
			iomemgrant_bar_mark(hold);
			if (!iomemgrant_bar_reserve_all(hold))
				iomemgrant_bar_events->settle_soon();
		}
		break;
	}
}

/* Two looks are never more than a second apart. */
#define LOOK_EVERY (HZ * 9 / 10)

static void look_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(look, look_work);

void iomemgrant_bar_look(void)
{
	queue_delayed_work(iomemgrant_wq, &look, LOOK_EVERY);
}

/* A few reads of configuration space for each BAR of which pages are granted. */
static void look_work(struct work_struct *work)
{
	mutex_lock(&iomemgrant_grants_lock);
	iomemgrant_bar_settle_all();
	iomemgrant_bar_events->looked();
	if (!list_empty(&iomemgrant_bar_holds))
		iomemgrant_bar_look();
	mutex_unlock(&iomemgrant_grants_lock);
}

static int bar_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct pci_dev *pdev = to_pci_dev(data);
	struct bar_hold *hold;

	mutex_lock(&iomemgrant_grants_lock);
	if (action == BUS_NOTIFY_DEL_DEVICE || action == BUS_NOTIFY_REMOVED_DEVICE) {
		device_leaves(pdev);
	} else {
		list_for_each_entry(hold, &iomemgrant_bar_holds, node)
			if (hold->pdev == pdev)
				driver_news(hold, action);
	}
	mutex_unlock(&iomemgrant_grants_lock);
	return NOTIFY_OK;
}

static struct notifier_block bar_nb = { .notifier_call = bar_notify };

int iomemgrant_bar_init(const struct bar_events *events)
{
	iomemgrant_bar_events = events;
	return bus_register_notifier(&pci_bus_type, &bar_nb);
}

void iomemgrant_bar_stop(void)
{
	bus_unregister_notifier(&pci_bus_type, &bar_nb);
}

/* No grant is left, and nothing looks any more: what was waiting for a device's lock. */
void iomemgrant_bar_exit(void)
{
	struct bar_hold *hold, *next;
	struct device *dev;

	cancel_delayed_work_sync(&look);
	list_for_each_entry_safe(hold, next, &iomemgrant_bar_holds, node) {
		dev = get_device(&hold->pdev->dev);
		device_lock(dev);
		mutex_lock(&iomemgrant_grants_lock);
		iomemgrant_bar_part(hold);
		mutex_unlock(&iomemgrant_grants_lock);
		device_unlock(dev);
		put_device(dev);
	}
	iomemgrant_bar_leaving(NULL);
}
