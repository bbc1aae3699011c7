// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BAR behind a grant: may its pages be granted?
 *
 * User space has checked most of this before; it is checked again because user
 * space only proposes.  All of it runs in dom0 under iomemgrant_grants_lock and the device's
 * lock, so that no driver binds or leaves meanwhile.  bar/hold.c then keeps the BAR
 * as it is, bar/watch.c sees to what cannot be kept.
 */
#include <linux/pci.h>

#include <asm/e820/api.h>
#include <asm/xen/page.h>
#include <xen/pci.h>

#include "iomemgrant.h"
#include "bar.h"

static int check_bar(struct pci_dev *pdev, const struct iomemgrant_grant *rq)
{
	unsigned long flags;

	if (rq->bar >= PCI_STD_NUM_BARS)
		return -EINVAL;
	flags = pci_resource_flags(pdev, rq->bar);
	if (!(flags & IORESOURCE_MEM) || flags & IORESOURCE_UNSET ||
	    !pci_resource_start(pdev, rq->bar) || !pci_resource_len(pdev, rq->bar))
		return -ENXIO;
	return range_check(rq->offset, rq->length, iomemgrant_bar_window(pdev, rq->bar).length,
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
	if (iomemgrant_probe_gnttab_version() == 1 && !range_fits_v1(pages))
		return -EOVERFLOW;
	return 0;
}

/*
 * A structure in a BAR that the device does not have (6 and 7 are reserved, a register may
 * be I/O or the upper half of another) cannot be located, so any page may hold it.
 */
static int check_msix_part(struct pci_dev *pdev, u8 bar, struct byte_range pages, int reg,
			   struct byte_range (*span)(u32 reg, u16 flags))
{
	struct byte_range part;
	u32 value, bir;
	u16 flags;

	if (pci_read_config_dword(pdev, pdev->msix_cap + reg, &value) ||
	    pci_read_config_word(pdev, pdev->msix_cap + PCI_MSIX_FLAGS, &flags) ||
	    value == ~0U)
		return -ENODEV;
	bir = value & PCI_MSIX_TABLE_BIR;
	if (bir >= PCI_STD_NUM_BARS || !(pci_resource_flags(pdev, bir) & IORESOURCE_MEM))
		return -EPERM;
	if (bir != bar)
		return 0;
	part = span(value, flags);
	part.start += pci_resource_start(pdev, bar);
	return ranges_overlap(range_to_pages(part), pages) ? -EPERM : 0;
}

/* A guest that writes an interrupt table makes the device write to any address. */
static int check_msix(struct pci_dev *pdev, u8 bar, struct byte_range pages)
{
	int rc;

	if (!pdev->msix_cap)
		return 0;
	rc = check_msix_part(pdev, bar, pages, PCI_MSIX_TABLE, range_msix_table);
	return rc ?: check_msix_part(pdev, bar, pages, PCI_MSIX_PBA, range_msix_pba);
}

int iomemgrant_bar_get(struct pci_dev *pdev, const struct iomemgrant_grant *rq,
		       struct bar_use *use, struct bar_hold **out)
{
	struct byte_range pages;
	struct bar_hold *hold;
	int rc;

	/* On its way out, and its removal may be announced already. */
	if (!device_is_registered(&pdev->dev))
		return -ENODEV;
	if (xen_find_device_domain_owner(pdev) >= 0)
		return -EBUSY;
	hold = iomemgrant_bar_find(pdev, rq->bar);
	if (hold && iomemgrant_bar_moved(hold)) {
		iomemgrant_bar_lost(hold, IOMEMGRANT_LOST_MOVED);
		return -ENODEV;
	}
	rc = check_bar(pdev, rq);
	if (rc)
		return rc;
	pages.start = iomemgrant_bar_window(pdev, rq->bar).start + rq->offset;
	pages.length = rq->length;
	rc = check_frames(pages) ?: check_msix(pdev, rq->bar, pages);
	if (rc)
		return rc;
	if (hold) {
		rc = iomemgrant_bar_retake(hold, pages, rq->allow);
	} else {
		rc = iomemgrant_bar_take(pdev, rq, pages, &hold);
		if (!rc)
			iomemgrant_bar_look();
	}
	if (rc)
		return rc;
	use->pages = pages;
	list_add_tail(&use->node, &hold->uses);
	*out = hold;
	return 0;
}
