// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping in a translated guest (HVM, PVH): Xen inserts the pages where the guest
 * asks for them, the guest maps those guest frames like any device memory.
 *
 * The frames are taken from unused addresses above 4 GiB: below lie the device
 * model's and Xen's special pages.  A reserved resource keeps hotplugged memory and
 * the balloon away.  Xen limits them to 32 bits of frame number.
 */
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>

#include <asm/processor.h>

#include "iomemgrant.h"
#include "inside.h"

#define WINDOW_LOWEST	(4ULL << 30)
#define WINDOW_HIGHEST	((1ULL << 44) - 1)

static int hvm_prepare(struct iomem_map *map)
{
	struct resource *window = &map->window;
	u64 length = (u64)map->nr << PAGE_SHIFT;
	u64 highest = min((1ULL << boot_cpu_data.x86_phys_bits) - 1, WINDOW_HIGHEST);
	int rc;

	if (window->parent)
		return 0;	/* kept over a suspend that was called off */
	memset(window, 0, sizeof(*window));
	window->name = "xen_iomemgrant";
	window->flags = IORESOURCE_MEM | IORESOURCE_BUSY;
	if (map->wish) {
		if (map->wish > PHYS_PFN(highest) || PFN_PHYS(map->wish) + length - 1 > highest)
			return -EINVAL;
		window->start = PFN_PHYS(map->wish);
		window->end = window->start + length - 1;
		rc = request_resource(&iomem_resource, window) ? -EADDRINUSE : 0;
	} else {
		rc = allocate_resource(&iomem_resource, window, length, WINDOW_LOWEST, highest,
				       PAGE_SIZE, NULL, NULL) ? -ENOSPC : 0;
	}
	if (rc)
		memset(window, 0, sizeof(*window));
	return rc;
}

static u64 hvm_host_addr(const struct iomem_map *map, u32 page)
{
	return map->window.start + ((u64)page << PAGE_SHIFT);
}

static void hvm_accepted(struct iomem_map *map, u32 page, u64 dev_bus_addr)
{
}

/* Without this the fault below would always get an uncached entry. */
static int hvm_finish(struct iomem_map *map)
{
	int rc = 0;

	if (map->wc && !map->memtype)
		rc = arch_io_reserve_memtype_wc(map->window.start, resource_size(&map->window));
	map->memtype = map->wc && !rc;
	return rc;
}

static vm_fault_t hvm_fault(struct iomem_map *map, struct vm_fault *vmf, u32 page)
{
	return vmf_insert_pfn(vmf->vma, vmf->address & PAGE_MASK,
			      PHYS_PFN(map->window.start) + page);
}

static void __iomem *hvm_enter(struct iomem_map *map)
{
	return map->wc ? ioremap_wc(map->window.start, resource_size(&map->window))
		       : ioremap(map->window.start, resource_size(&map->window));
}

static void hvm_leave(void __iomem *vaddr)
{
	iounmap(vaddr);
}

static void hvm_release(struct iomem_map *map)
{
	if (map->memtype)
		arch_io_free_memtype_wc(map->window.start, resource_size(&map->window));
	map->memtype = false;
	if (map->window.parent)
		release_resource(&map->window);
}

const struct map_kind iomemgrant_map_kind_hvm = {
	.prepare = hvm_prepare,
	.host_addr = hvm_host_addr,
	.accepted = hvm_accepted,
	.finish = hvm_finish,
	.fault = hvm_fault,
	.enter = hvm_enter,
	.leave = hvm_leave,
	.release = hvm_release,
};
