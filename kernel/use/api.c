// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions for other drivers of this kernel: include/xen/iomemgrant_map.h.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <xen/iomemgrant_map.h>

#include "iomemgrant.h"
#include "map/inside.h"

static struct xen_iomem *new_user(const struct xen_iomem_ops *ops, void *priv)
{
	struct xen_iomem *user = kzalloc(sizeof(*user), GFP_KERNEL);

	if (user) {
		user->ops = ops;
		user->priv = priv;
	}
	return user;
}

struct xen_iomem *xen_iomem_map(domid_t domid, const grant_ref_t *refs, unsigned int nr,
				unsigned int flags, const struct xen_iomem_ops *ops, void *priv)
{
	struct map_request rq = {
		.domid = domid,
		.wc = flags & XEN_IOMEM_WC,
		.nr = nr,
		.devid = -1,
	};
	struct xen_iomem *user;
	struct iomem_map *map;
	int rc;

	if (flags & ~XEN_IOMEM_WC || !nr || domid >= DOMID_FIRST_RESERVED)
		return ERR_PTR(-EINVAL);
	if (nr > READ_ONCE(iomemgrant_max_pages))
		return ERR_PTR(-EFBIG);
	user = new_user(ops, priv);
	rq.refs = kvmalloc_array(nr, sizeof(*rq.refs), GFP_KERNEL);
	if (!user || !rq.refs) {
		kvfree(rq.refs);
		kfree(user);
		return ERR_PTR(-ENOMEM);
	}
	memcpy(rq.refs, refs, nr * sizeof(*refs));
	/* No file's: UNMAP by a privileged program reaches it, closing files does not. */
	rq.owner = user;
	map = iomemgrant_map_create(&rq);
	rc = PTR_ERR_OR_ZERO(map);
	if (!rc) {
		rc = iomemgrant_map_kernel_attach(map, user);
		if (rc)
			iomemgrant_map_retire(map);
	}
	if (rc) {
		kfree(user);
		return ERR_PTR(rc);
	}
	user->made_it = true;
	return user;
}
EXPORT_SYMBOL_GPL(xen_iomem_map);

struct xen_iomem *xen_iomem_attach(u64 id, const struct xen_iomem_ops *ops, void *priv)
{
	struct iomem_map *map = iomemgrant_map_find_devid(id);
	struct xen_iomem *user;
	int rc;

	if (!map)
		return ERR_PTR(-ENOENT);
	user = new_user(ops, priv);
	rc = user ? iomemgrant_map_kernel_attach(map, user) : -ENOMEM;
	if (!rc)
		return user;
	put_device(&map->dev);
	kfree(user);
	return ERR_PTR(rc);
}
EXPORT_SYMBOL_GPL(xen_iomem_attach);

void __iomem *xen_iomem_vaddr(const struct xen_iomem *user)
{
	return READ_ONCE(user->vaddr);
}
EXPORT_SYMBOL_GPL(xen_iomem_vaddr);

size_t xen_iomem_length(const struct xen_iomem *user)
{
	return (size_t)user->map->nr << PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(xen_iomem_length);

void xen_iomem_unmap(struct xen_iomem *user)
{
	struct iomem_map *map = user->map;

	iomemgrant_map_kernel_detach(user);
	if (user->made_it)
		iomemgrant_map_retire(map);
	else
		put_device(&map->dev);
	kfree(user);
}
EXPORT_SYMBOL_GPL(xen_iomem_unmap);
