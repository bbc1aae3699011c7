// SPDX-License-Identifier: GPL-2.0-only
/*
 * The addresses of a BAR that has gone while a guest still maps them, kept from other
 * devices until the last reference is free.
 *
 * They are reserved in the window of a bus, never below a resource that belongs to a
 * device.  The PCI core puts the BARs of a virtual function below its physical
 * function's and dies when that place is taken (pci_iov_add_virtfn()), and a driver
 * could not reserve a BAR of its own.  So the addresses of a virtual function are
 * not reserved while its physical function is there: only the next virtual function
 * of the same one can get them.
 */
#include <linux/pci.h>

#include "iomemgrant.h"
#include "bar.h"

/*
 * The last device that announced its removal while grants existed, referenced, until
 * the PCI core has let go of its resources: removals come one after another, and
 * what is put into the tree below it in between would vanish with it.
 */
static struct pci_dev *leaving;		/* iomemgrant_grants_lock */

bool iomemgrant_bar_still_leaving(void)
{
	int i;

	if (!leaving)
		return false;
	for (i = 0; i < PCI_NUM_RESOURCES; i++)
		if (leaving->resource[i].parent)
			return true;
	iomemgrant_bar_leaving(NULL);
	return false;
}

void iomemgrant_bar_leaving(struct pci_dev *pdev)
{
	if (leaving == pdev)
		return;
	pci_dev_put(leaving);
	leaving = pci_dev_get(pdev);
}

/* A bridge leaves: what was reserved in its windows would vanish with them. */
void iomemgrant_bar_take_out(struct bar_hold *hold, struct pci_dev *bridge)
{
	const struct resource *parent = hold->place.parent;

	if (parent >= bridge->resource && parent < bridge->resource + PCI_NUM_RESOURCES)
		iomemgrant_bar_unplace(hold);
}

/*
 * The window that the addresses lie in, of the nearest bus above that still has one.
 * hold->pf keeps its bus in memory, a bus its bridge, and so on.
 */
static struct resource *window_of(struct bar_hold *hold)
{
	struct resource *res;
	struct pci_bus *bus;
	int i;

	for (bus = hold->pf->bus; bus; bus = bus->parent)
		pci_bus_for_each_resource(bus, res, i)
			if (res && resource_type(res) == IORESOURCE_MEM &&
			    (res->parent || res == &iomem_resource) &&
			    resource_contains(res, &hold->place))
				return res;
	return NULL;
}

#ifdef CONFIG_PCI_IOV
static bool is_kept_by_pf(struct bar_hold *hold)
{
	struct resource *res = &hold->pf->resource[PCI_IOV_RESOURCES + hold->bar];

	return hold->pdev->is_virtfn && res->parent && resource_contains(res, &hold->place);
}
#else
static bool is_kept_by_pf(struct bar_hold *hold)
{
	return false;
}
#endif

/* True: look again soon.  A place is good while what it lies below contains it. */
bool iomemgrant_bar_place(struct bar_hold *hold)
{
	struct resource *own = &hold->place, *window;

	if (own->parent && resource_contains(own->parent, own))
		return false;
	iomemgrant_bar_unplace(hold);
	if (iomemgrant_bar_still_leaving() ||
	    (!iomemgrant_bar_moved(hold) && hold->pdev->resource[hold->bar].parent))
		return true;
	*own = (struct resource) {
		.name = "xen_iomemgrant (device gone)",
		.start = hold->window.start,
		.end = hold->window.start + hold->window.length - 1,
		.flags = IORESOURCE_MEM | IORESOURCE_BUSY,
	};
	if (is_kept_by_pf(hold))
		return false;
	window = window_of(hold);
	if (window && !request_resource(window, own)) {
		hold->warned = false;
		return false;
	}
	if (!hold->warned)
		pr_warn("%s BAR %u: addresses still mapped by a guest are in use again\n",
			pci_name(hold->pdev), hold->bar);
	hold->warned = true;
	return false;
}
