// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping in a PV guest: Xen gives permission for the machine frames, the guest
 * makes the page table entries itself.
 *
 * Machine frames never go through the guest's own tables here.  The guest frame of
 * the same number may be ordinary memory, or become it; ioremap() and
 * vmf_insert_pfn() would then map that, or a hole.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/xen-ops.h>

#include "iomemgrant.h"
#include "inside.h"

static int pv_prepare(struct iomem_map *map)
{
	return 0;
}

static u64 pv_host_addr(const struct iomem_map *map, u32 page)
{
	return 0;
}

static void pv_accepted(struct iomem_map *map, u32 page, u64 dev_bus_addr)
{
	map->mfns[page] = PHYS_PFN(dev_bus_addr);
}

static int pv_finish(struct iomem_map *map)
{
	return 0;
}

/*
 * Not vma->vm_page_prot: clearing the soft-dirty bits takes the write permission out
 * of it, and the next write would then have the kernel change the entry, which it
 * cannot do for a frame that its tables do not know.
 */
static pgprot_t pv_prot(const struct iomem_map *map, const struct vm_area_struct *vma)
{
	pgprot_t prot = vm_get_page_prot(vma->vm_flags);

	return map->wc ? pgprot_writecombine(prot) : pgprot_noncached(prot);
}

/*
 * Two threads may fault on one page at once: both write the same entry, and Xen
 * counts the one that replaces an equal one as one.
 */
static vm_fault_t pv_fault(struct iomem_map *map, struct vm_fault *vmf, u32 page)
{
	struct vm_area_struct *vma = vmf->vma;
	xen_pfn_t mfn = map->mfns[page];
	int err = 0;

	if (xen_remap_domain_mfn_array(vma, vmf->address & PAGE_MASK, &mfn, 1, &err,
				       pv_prot(map, vma), DOMID_SELF) != 1)
		return VM_FAULT_SIGBUS;
	return VM_FAULT_NOPAGE;
}

static void pv_leave(void __iomem *vaddr)
{
	vunmap((void __force *)vaddr);
}

/*
 * The kernel's entries are made over those of one page of memory: there is no other
 * way for a module to have page tables for an address range of its own.
 */
static void __iomem *pv_enter(struct iomem_map *map)
{
	struct page **pages = kvmalloc_array(map->nr, sizeof(*pages), GFP_KERNEL);
	struct page *page = alloc_page(GFP_KERNEL);
	pgprot_t prot = map->wc ? pgprot_writecombine(PAGE_KERNEL) : pgprot_noncached(PAGE_KERNEL);
	void *va = NULL;
	u32 i;

	if (pages && page) {
		for (i = 0; i < map->nr; i++)
			pages[i] = page;
		/* VM_IOREMAP: /proc/kcore must not look up the pages behind it. */
		va = vmap(pages, map->nr, VM_MAP | VM_IOREMAP, PAGE_KERNEL);
	}
	for (i = 0; va && i < map->nr; i++) {
		if (!HYPERVISOR_update_va_mapping((unsigned long)va + i * PAGE_SIZE,
						  mfn_pte(map->mfns[i], prot),
						  UVMF_INVLPG | UVMF_ALL))
			continue;
		pv_leave((void __iomem __force *)va);
		vm_unmap_aliases();
		va = NULL;
	}
	/* Nothing shows it any more. */
	if (page)
		__free_page(page);
	kvfree(pages);
	return (void __iomem __force *)va;
}

static void pv_release(struct iomem_map *map)
{
}

const struct map_kind iomemgrant_map_kind_pv = {
	.prepare = pv_prepare,
	.host_addr = pv_host_addr,
	.accepted = pv_accepted,
	.finish = pv_finish,
	.fault = pv_fault,
	.enter = pv_enter,
	.leave = pv_leave,
	.release = pv_release,
};
