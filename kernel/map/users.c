// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings used by other drivers of this kernel: include/xen/iomemgrant_map.h.
 *
 * Each user has an address range of its own, and is told before it goes.  All of it
 * happens under map->lock, held for write, like every other change of a mapping.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <xen/iomemgrant_map.h>

#include "iomemgrant.h"

struct xen_iomem {
	struct list_head node;		/* map->lock */
	struct iomem_map *map;		/* fixed, referenced */
	bool made_it;			/* fixed: by xen_iomem_map() */
	void __iomem *vaddr;		/* map->lock; read without by the user, see the contract */
	bool lost;			/* map->lock */
	const struct xen_iomem_ops *ops;	/* fixed */
	void *priv;			/* fixed */
};

static void leave(struct xen_iomem *user)
{
	if (!user->vaddr)
		return;
	iomemgrant_map_kind()->leave(user->vaddr);
	WRITE_ONCE(user->vaddr, NULL);
	/* Xen counts the entries until the last TLB may have forgotten them. */
	vm_unmap_aliases();
}

void iomemgrant_map_kernel_freeze(struct iomem_map *map)
{
	struct xen_iomem *user;

	lockdep_assert_held_write(&map->lock);
	list_for_each_entry(user, &map->kernel_users, node) {
		if (user->lost)
			continue;
		if (user->ops && user->ops->freeze)
			user->ops->freeze(user->priv);
		leave(user);
	}
}

static void lose(struct xen_iomem *user)
{
	if (user->lost)
		return;
	user->lost = true;
	if (user->ops && user->ops->lost)
		user->ops->lost(user->priv);
	leave(user);
}

void iomemgrant_map_kernel_restore(struct iomem_map *map)
{
	struct xen_iomem *user;

	lockdep_assert_held_write(&map->lock);
	list_for_each_entry(user, &map->kernel_users, node) {
		if (user->lost)
			continue;
		WRITE_ONCE(user->vaddr, iomemgrant_map_kind()->enter(map));
		if (!user->vaddr)
			lose(user);
		else if (user->ops && user->ops->restore)
			user->ops->restore(user->priv);
	}
}

void iomemgrant_map_kernel_lose(struct iomem_map *map)
{
	struct xen_iomem *user;

	lockdep_assert_held_write(&map->lock);
	list_for_each_entry(user, &map->kernel_users, node)
		lose(user);
}

static int attach(struct xen_iomem *user, struct iomem_map *map)
{
	int rc = 0;

	down_write(&map->lock);
	if (map->state != MAP_MAPPED) {
		rc = -ENODEV;
	} else {
		user->vaddr = iomemgrant_map_kind()->enter(map);
		if (!user->vaddr)
			rc = -ENOMEM;
	}
	if (!rc) {
		user->map = map;
		list_add(&user->node, &map->kernel_users);
		atomic_inc(&map->users);
	}
	up_write(&map->lock);
	return rc;
}

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
		rc = attach(user, map);
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
	rc = user ? attach(user, map) : -ENOMEM;
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

	down_write(&map->lock);
	list_del(&user->node);
	leave(user);
	up_write(&map->lock);
	atomic_dec(&map->users);
	if (user->made_it)
		iomemgrant_map_retire(map);
	else
		put_device(&map->dev);
	kfree(user);
}
EXPORT_SYMBOL_GPL(xen_iomem_unmap);
