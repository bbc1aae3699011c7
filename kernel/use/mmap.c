// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of a mapping: no page is entered before it is touched, and none that
 * ordinary memory would allow to be copied, moved or inherited.
 */
#include <linux/mm.h>
#include <linux/security.h>

#include "compat.h"
#include "iomemgrant.h"
#include "map/inside.h"

static vm_fault_t map_fault(struct vm_fault *vmf)
{
	struct iomem_map *map = vmf->vma->vm_private_data;
	unsigned long page = vmf->pgoff - (iomemgrant_map_base(map) >> PAGE_SHIFT);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&map->lock);
	if (map->state == MAP_MAPPED && page < map->nr)
		ret = iomemgrant_map_kind()->fault(map, vmf, page);
	up_read(&map->lock);
	return ret;
}

static void map_vma_open(struct vm_area_struct *vma)
{
	struct iomem_map *map = vma->vm_private_data;

	get_device(&map->dev);
	atomic_inc(&map->users);
}

static void map_vma_close(struct vm_area_struct *vma)
{
	struct iomem_map *map = vma->vm_private_data;

	atomic_dec(&map->users);
	put_device(&map->dev);
}

/*
 * On PV, changing the protection would read the frame back through a table that
 * has no entry for it, and write a wrong one.
 */
static int map_vma_mprotect(struct vm_area_struct *vma, unsigned long start,
			    unsigned long end, unsigned long flags)
{
	return -EPERM;
}

static int map_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static const struct vm_operations_struct map_vm_ops = {
	.open = map_vma_open,
	.close = map_vma_close,
	.fault = map_fault,
	.mprotect = map_vma_mprotect,
	.mremap = map_vma_mremap,
};

/*
 * Nothing is entered now: faults do, so that a revoked page can come back after a cancelled
 * suspend.
 */
int iomemgrant_map_mmap(struct iomem_map *map, struct vm_area_struct *vma, unsigned long first)
{
	unsigned long nr = vma_pages(vma);
	enum map_state state = READ_ONCE(map->state);

	/*
	 * A private mapping would copy registers into memory on the first write.  Not
	 * VM_SHARED: mm takes that away when the file was opened for reading only.
	 */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	/* As for the BARs of this guest's own devices. */
	if (security_locked_down(LOCKDOWN_PCI_ACCESS))
		return -EPERM;
	if (first > map->nr || nr > map->nr - first)
		return -EINVAL;
	if (state != MAP_MAPPED && state != MAP_FROZEN)
		return -ENODEV;
	vm_flags_clear(vma, VM_MAYEXEC);
	/* VM_DONTCOPY: a child must not inherit entries that revoking would not find. */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vma->vm_page_prot = map->wc ? pgprot_writecombine(vma->vm_page_prot)
				    : pgprot_noncached(vma->vm_page_prot);
	vma->vm_pgoff = (iomemgrant_map_base(map) >> PAGE_SHIFT) + first;
	vma->vm_private_data = map;
	vma->vm_ops = &map_vm_ops;
	map_vma_open(vma);
	return 0;
}
