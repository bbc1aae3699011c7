/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels this module is built for (6.1 and later).
 * Anything that is the same everywhere does not belong here.
 */
#ifndef IOMEMGRANT_COMPAT_H
#define IOMEMGRANT_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* class::devnode takes a const device since 6.2. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define DEVNODE_CONST
#else
#define DEVNODE_CONST const
#endif

/* Not in any released Xen header: bit 5 of the map flags. */
#ifndef GNTMAP_iomem_map
#define GNTMAP_iomem_map (1U << 5)
#endif

#endif /* IOMEMGRANT_COMPAT_H */
