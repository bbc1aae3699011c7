// SPDX-License-Identifier: GPL-2.0-only
/*
 * The addresses of granted pages, reserved below their BAR: no driver gets them, and
 * /proc/iomem shows them.  The other pages of the BAR stay free for dom0.
 *
 * Grants of one BAR may share pages, so a region is not a grant's: it is made for
 * pages that no region covers yet, and shrinks to what grants still need of it.
 *
 * Each region has a page of memory of its own: a driver that fails to reserve its
 * BAR and releases it nevertheless has a region of exactly that size unlinked and
 * freed, and the kernel does not free what came from the page allocator.
 */
#include <linux/gfp.h>
#include <linux/pci.h>

#include "iomemgrant.h"
#include "bar.h"

#define REGION_NAME "xen_iomemgrant"

struct bar_region {
	struct list_head node;		/* bar_hold.regions */
	struct resource res;		/* has a parent while it is ours */
};

static struct byte_range region_pages(const struct bar_region *region)
{
	struct byte_range r = { region->res.start, resource_size(&region->res) };

	return range_to_pages(r);
}

static void region_free(struct bar_region *region)
{
	if (region->res.parent)
		release_resource(&region->res);
	list_del(&region->node);
	free_page((unsigned long)region);
}

/* Reserves from @start up to @end, but no more than the BAR: a small one has no whole page. */
static bool region_add(struct bar_hold *hold, u64 start, u64 end)
{
	struct resource *bar = &hold->pdev->resource[hold->bar];
	struct bar_region *region;

	if (!bar->parent)
		return false;
	region = (struct bar_region *)get_zeroed_page(GFP_KERNEL);
	if (!region)
		return false;
	BUILD_BUG_ON(sizeof(*region) > PAGE_SIZE);
	region->res.name = REGION_NAME;
	region->res.start = max_t(u64, start, bar->start);
	region->res.end = min_t(u64, end - 1, bar->end);
	region->res.flags = IORESOURCE_MEM | IORESOURCE_BUSY;
	list_add(&region->node, &hold->regions);
	if (!request_resource(bar, &region->res))
		return true;
	region_free(region);
	return false;
}

/* The region that covers @at, or else the first one after it. */
static struct bar_region *region_at(struct bar_hold *hold, u64 at)
{
	struct bar_region *region, *found = NULL;
	struct byte_range r;

	list_for_each_entry(region, &hold->regions, node) {
		r = region_pages(region);
		if (r.start + r.length > at &&
		    (!found || region->res.start < found->res.start))
			found = region;
	}
	return found;
}

/* A driver has released what it had not reserved. */
static void drop_stolen(struct bar_hold *hold)
{
	struct bar_region *region, *next;

	list_for_each_entry_safe(region, next, &hold->regions, node) {
		if (region->res.parent)
			continue;
		region_free(region);
		hold->incomplete = true;
	}
}

bool iomemgrant_bar_reserve(struct bar_hold *hold, struct byte_range pages)
{
	u64 at = pages.start, end = pages.start + pages.length, stop;
	struct bar_region *region;
	struct byte_range r;
	bool all = true;

	while (at < end) {
		region = region_at(hold, at);
		r = region ? region_pages(region) : (struct byte_range) { end, 0 };
		if (r.start <= at) {
			at = r.start + r.length;
			continue;
		}
		stop = min(end, r.start);
		all &= region_add(hold, at, stop);
		at = stop;
	}
	if (!all)
		hold->incomplete = true;
	return all;
}

bool iomemgrant_bar_reserve_all(struct bar_hold *hold)
{
	const struct bar_use *use;
	bool all = true;

	drop_stolen(hold);
	if (!hold->incomplete)
		return true;
	list_for_each_entry(use, &hold->uses, node)
		all &= iomemgrant_bar_reserve(hold, use->pages);
	hold->incomplete = !all;
	return all;
}

/* Returns the part of @region that grants need, from the first page to the last. */
static struct byte_range region_needed(const struct bar_hold *hold,
				       const struct bar_region *region)
{
	struct byte_range own = region_pages(region);
	u64 start = own.start + own.length, end = own.start;
	const struct bar_use *use;

	list_for_each_entry(use, &hold->uses, node) {
		const struct byte_range pages = use->pages;

		if (!ranges_overlap(pages, own))
			continue;
		start = min(start, max(own.start, pages.start));
		end = max(end, min(own.start + own.length, pages.start + pages.length));
	}
	return (struct byte_range) { start, end > start ? end - start : 0 };
}

/* A grant of @pages has ended: those that no other grant has are free again. */
void iomemgrant_bar_trim(struct bar_hold *hold, struct byte_range pages)
{
	struct bar_region *region, *next;
	struct byte_range needed;

	drop_stolen(hold);
	list_for_each_entry_safe(region, next, &hold->regions, node) {
		if (!ranges_overlap(region_pages(region), pages))
			continue;
		needed = region_needed(hold, region);
		if (!needed.length)
			region_free(region);
		else if (needed.length < region_pages(region).length)
			adjust_resource(&region->res, needed.start, needed.length);
	}
}

/*
 * Reserves what a small BAR leaves of its page, so that no other resource moves in:
 * -ENOTUNIQ when one is there already.
 */
int iomemgrant_bar_claim_tail(struct bar_hold *hold, u32 allow)
{
	struct resource *res = &hold->pdev->resource[hold->bar];
	u64 end = hold->window.start + hold->window.length - 1;

	if (hold->tail.parent)
		return 0;
	if (res->start == hold->window.start && res->end == end)
		return 0;
	if (allow & IOMEMGRANT_ALLOW_SHARED_PAGE)
		return 0;
	if (res->start != hold->window.start || !res->parent)
		return -ENOTUNIQ;
	hold->tail.name = REGION_NAME;
	hold->tail.start = res->end + 1;
	hold->tail.end = end;
	hold->tail.flags = res->flags;
	return request_resource(res->parent, &hold->tail) ? -ENOTUNIQ : 0;
}

/* By pointer: the BAR may be elsewhere by now, and these addresses another's. */
void iomemgrant_bar_release(struct bar_hold *hold)
{
	struct bar_region *region, *next;

	if (hold->tail.parent)
		release_resource(&hold->tail);
	list_for_each_entry_safe(region, next, &hold->regions, node)
		region_free(region);
}
