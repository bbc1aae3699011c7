// SPDX-License-Identifier: GPL-2.0-only
/*
 * Places to map things at, and careful reads and writes there.
 *
 * A "window" is kernel virtual space backed by one private page, whose page-table entries the
 * tests then overwrite (PV).  A "hole" is guest-physical space no RAM lives in (translated guests).
 * peek and poke survive a fault, so a revoked page is an answer and not an oops.
 */
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/xen/page.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#include "hvtest.h"

#define MAX_HOLES 64

static struct page *filler;
static struct resource *holes[MAX_HOLES];
static unsigned int nr_holes;

/* The windows of one test run are few and are left to the end of the guest. */
void *hvtest_window(unsigned int nr_pages)
{
	struct page **pages;
	unsigned int i;
	void *va;

	if (!filler)
		filler = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!filler)
		return NULL;
	pages = kvmalloc_array(nr_pages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < nr_pages; i++)
		pages[i] = filler;
	va = vmap(pages, nr_pages, VM_MAP, PAGE_KERNEL);
	/* Touch every page: a vmalloc fault later must not look like a refused entry. */
	for (i = 0; va && i < nr_pages; i++)
		READ_ONCE(*(u32 *)(va + i * PAGE_SIZE));
	kvfree(pages);
	return va;
}

int hvtest_peek(unsigned long va, u32 *value)
{
	pagefault_disable();
	__get_kernel_nofault(value, (u32 *)va, u32, fault);
	pagefault_enable();
	return 0;
fault:
	pagefault_enable();
	return -EFAULT;
}

int hvtest_poke(unsigned long va, u32 value)
{
	pagefault_disable();
	__put_kernel_nofault((u32 *)va, &value, u32, fault);
	pagefault_enable();
	return 0;
fault:
	pagefault_enable();
	return -EFAULT;
}

#ifndef HAVE_VM_FLAGS_SET
static void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}
#endif

int hvtest_mmap_frames(struct vm_area_struct *vma)
{
	unsigned long nr = vma_pages(vma), i;
	int err, rc = 0;

	/* No VM_DONTCOPY: a forked child is meant to inherit the entries. */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	if (!xen_pv_domain())
		return io_remap_pfn_range(vma, vma->vm_start, vma->vm_pgoff, nr * PAGE_SIZE,
					  vma->vm_page_prot);
	for (i = 0; i < nr; i++) {
		xen_pfn_t mfn = vma->vm_pgoff + i;

		rc = xen_remap_domain_mfn_array(vma, vma->vm_start + i * PAGE_SIZE, &mfn, 1, &err,
						vma->vm_page_prot, DOMID_SELF);
		if (rc != 1)
			return rc < 0 ? rc : err ?: -EFAULT;
	}
	return 0;
}

static int cmd_info(struct hvtest_reply *r, const struct hvtest_args *a)
{
	hvtest_say(r, "rc=0 type=%s cpus=%u physbits=%u",
		   xen_pv_domain() ? "pv" : xen_pvh_domain() ? "pvh" : "hvm", num_online_cpus(),
		   boot_cpu_data.x86_phys_bits);
	return 0;
}

/* page: a page of the guest's own RAM, kept until the guest ends */
static int cmd_page(struct hvtest_reply *r, const struct hvtest_args *a)
{
	unsigned int order = hvtest_arg(a, 0, 0);
	unsigned long va = __get_free_pages(GFP_KERNEL | __GFP_ZERO, order);

	if (!va) {
		hvtest_say(r, "rc=%d", -ENOMEM);
		return 0;
	}
	hvtest_say(r, "rc=0 va=0x%lx gfn=0x%lx pfn=0x%lx", va, virt_to_gfn((void *)va),
		   __pa(va) >> PAGE_SHIFT);
	return 0;
}

static int cmd_window(struct hvtest_reply *r, const struct hvtest_args *a)
{
	void *va = hvtest_window(hvtest_arg(a, 0, 1));

	hvtest_say(r, "rc=%d va=0x%lx", va ? 0 : -ENOMEM, (unsigned long)va);
	return 0;
}

static int cmd_hole(struct hvtest_reply *r, const struct hvtest_args *a)
{
	resource_size_t size = a->v[0] << PAGE_SHIFT;
	resource_size_t align = hvtest_arg(a, 1, 1) << PAGE_SHIFT;
	struct resource *res;
	int rc = -ENOSPC;

	res = kzalloc(sizeof(*res), GFP_KERNEL);
	if (res && nr_holes < MAX_HOLES) {
		res->name = "iomem_hvtest";
		res->flags = IORESOURCE_MEM | IORESOURCE_BUSY;
		rc = allocate_resource(&iomem_resource, res, size, 1ULL << 32,
				       (1ULL << boot_cpu_data.x86_phys_bits) - 1, align, NULL,
				       NULL);
	}
	if (rc)
		kfree(res);
	else
		holes[nr_holes++] = res;
	hvtest_say(r, "rc=%d gpa=0x%llx", rc, rc ? 0ULL : (u64)res->start);
	return 0;
}

static int cmd_ioremap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	void __iomem *va;

	if (hvtest_arg(a, 2, 0))
		va = ioremap_cache(a->v[0], a->v[1]);
	else
		va = ioremap(a->v[0], a->v[1]);
	hvtest_say(r, "rc=%d va=0x%lx", va ? 0 : -ENOMEM, (unsigned long)va);
	return 0;
}

static int cmd_iounmap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	iounmap((void __iomem *)a->v[0]);
	vm_unmap_aliases();
	hvtest_say(r, "rc=0");
	return 0;
}

static int cmd_peek(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u32 value = 0;
	int rc = hvtest_peek(a->v[0], &value);

	hvtest_say(r, "rc=%d value=0x%x", rc, value);
	return 0;
}

static int cmd_poke(struct hvtest_reply *r, const struct hvtest_args *a)
{
	hvtest_say(r, "rc=%d", hvtest_poke(a->v[0], a->v[1]));
	return 0;
}

/* wbinvd: the instruction itself; a PV domain's is Xen's to carry out or to ignore */
static int cmd_wbinvd(struct hvtest_reply *r, const struct hvtest_args *a)
{
	wbinvd();
	hvtest_say(r, "rc=0");
	return 0;
}

void hvtest_memory_exit(void)
{
	while (nr_holes) {
		release_resource(holes[--nr_holes]);
		kfree(holes[nr_holes]);
	}
}

const struct hvtest_command hvtest_memory_commands[] = {
	{ "info", "", 0, 0, cmd_info },
	{ "page", "[ORDER]", 0, 1, cmd_page },
	{ "window", "[PAGES]", 0, 1, cmd_window },
	{ "hole", "PAGES [ALIGN_PAGES]", 1, 2, cmd_hole },
	{ "ioremap", "GPA LENGTH [CACHED]", 2, 3, cmd_ioremap },
	{ "iounmap", "VA", 1, 1, cmd_iounmap },
	{ "peek", "VA", 1, 1, cmd_peek },
	{ "poke", "VA VALUE", 2, 2, cmd_poke },
	{ "wbinvd", "", 0, 0, cmd_wbinvd },
	{ }
};
