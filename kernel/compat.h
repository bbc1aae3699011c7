/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels this module is built for (6.1 and later).
 * Anything that is the same everywhere does not belong here.
 *
 * Kbuild looks into the headers and defines the HAVE_ macros.  The number of the
 * version would be wrong: stable kernels of distributions take over new interfaces,
 * so that two 6.12 kernels differ.
 */
#ifndef IOMEMGRANT_COMPAT_H
#define IOMEMGRANT_COMPAT_H

#include <linux/mm.h>
#include <linux/syscore_ops.h>

#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#ifdef HAVE_CONST_DEVNODE
#define DEVNODE_CONST const
#else
#define DEVNODE_CONST
#endif

/* A newer kernel registers a structure around the callbacks and gives them an argument. */
#ifdef HAVE_STRUCT_SYSCORE
#define SYSCORE_ARGUMENT void *data
#else
#define SYSCORE_ARGUMENT void

struct syscore {
	struct syscore_ops *ops;
};

static inline void register_syscore(struct syscore *syscore)
{
	register_syscore_ops(syscore->ops);
}

static inline void unregister_syscore(struct syscore *syscore)
{
	unregister_syscore_ops(syscore->ops);
}
#endif

/* Not in any released Xen header: bit 5 of the map flags. */
#ifndef GNTMAP_iomem_map
#define GNTMAP_iomem_map (1U << 5)
#endif

#endif /* IOMEMGRANT_COMPAT_H */
