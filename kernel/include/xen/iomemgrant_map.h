/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For drivers in a guest that use granted device memory themselves: pages by
 * reference, or those of a grant the guest was given through XenStore.
 *
 * All functions may sleep.
 *
 * The pages can be taken away at any time.  Callbacks tell the driver that uses them;
 * it must not touch them from the return of freeze() or lost() on.  Callbacks come
 * one at a time, with the mapping locked: they may call nothing from here but
 * xen_iomem_vaddr() and xen_iomem_length(), nor wait for a thread that does.
 *
 * Do not ioremap() such pages: in a PV guest that maps something else, or nothing.
 */
#ifndef _XEN_IOMEMGRANT_MAP_H
#define _XEN_IOMEMGRANT_MAP_H

#include <linux/types.h>

#include <xen/interface/grant_table.h>
#include <xen/interface/xen.h>

struct xen_iomem;

/**
 * struct xen_iomem_ops - what happens to the pages; each may be NULL
 * @freeze:  the guest is about to be suspended
 * @restore: the suspend was called off, the pages are back, maybe at another address
 * @lost:    they are gone for good: revoked, or this guest was restored elsewhere.
 *           The last callback; xen_iomem_unmap() is still due
 */
struct xen_iomem_ops {
	void (*freeze)(void *priv);
	void (*restore)(void *priv);
	void (*lost)(void *priv);
};

#define XEN_IOMEM_WC	(1U << 0)	/* write-combining instead of uncached */

/**
 * xen_iomem_map - map references that another domain granted
 * @domid: the granting domain
 * @refs:  one reference a page, in order
 * @nr:    how many
 * @flags: XEN_IOMEM_*
 * @ops:   callbacks, or NULL
 * @priv:  their argument
 *
 * Return: the pages, or an ERR_PTR() as the MAP ioctl of xen_iomemgrant(4) has it.
 */
struct xen_iomem *xen_iomem_map(domid_t domid, const grant_ref_t *refs, unsigned int nr,
				unsigned int flags, const struct xen_iomem_ops *ops, void *priv);

/**
 * xen_iomem_attach - use the pages of a grant that was published to this guest
 * @id:  its number, the name of its node in /dev/xen/iomem
 * @ops, @priv: as above
 *
 * Return: the pages, or ERR_PTR(): -ENOENT no such grant is mapped, -ENODEV it is
 * being taken away, -ENOMEM.
 */
struct xen_iomem *xen_iomem_attach(u64 id, const struct xen_iomem_ops *ops, void *priv);

/* Where the pages are, for readl() and the like; NULL while they are not there. */
void __iomem *xen_iomem_vaddr(const struct xen_iomem *pages);
size_t xen_iomem_length(const struct xen_iomem *pages);

/* The caller has stopped using them.  Ends what xen_iomem_map() or _attach() began. */
void xen_iomem_unmap(struct xen_iomem *pages);

#endif /* _XEN_IOMEMGRANT_MAP_H */
