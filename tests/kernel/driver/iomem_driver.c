// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that uses granted device memory from inside the kernel, for tests of
 * include/xen/iomemgrant_map.h.
 *
 *	insmod iomem_driver.ko id=17			a published grant
 *	insmod iomem_driver.ko first_ref=2048 nr=2	references of dom0
 *
 * Its parameters then are its face: `value` reads and writes the 32 bits at `offset`
 * (ENODEV when the pages are not there), `length` is that of the pages, `events`
 * names the callbacks that came, in order.
 */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include <xen/iomemgrant_map.h>

static DEFINE_MUTEX(lock);		/* between use and the callbacks */
static struct xen_iomem *pages;
static bool usable;			/* lock */
static char events[128];		/* lock */

static unsigned long long id;
static uint first_ref, nr = 1, wc, offset;
module_param(id, ullong, 0444);
module_param(first_ref, uint, 0444);
module_param(nr, uint, 0444);
module_param(wc, uint, 0444);
module_param(offset, uint, 0644);
module_param_string(events, events, sizeof(events), 0444);

static int get_value(char *buffer, const struct kernel_param *kp)
{
	int rc = -ENODEV;

	mutex_lock(&lock);
	if (usable)
		rc = offset % 4 || offset >= xen_iomem_length(pages) ? -EINVAL :
		     sprintf(buffer, "0x%08x\n", readl(xen_iomem_vaddr(pages) + offset));
	mutex_unlock(&lock);
	return rc;
}

static int set_value(const char *text, const struct kernel_param *kp)
{
	u32 value;
	int rc = kstrtou32(text, 0, &value);

	mutex_lock(&lock);
	if (!rc && !usable)
		rc = -ENODEV;
	if (!rc && (offset % 4 || offset >= xen_iomem_length(pages)))
		rc = -EINVAL;
	if (!rc)
		writel(value, xen_iomem_vaddr(pages) + offset);
	mutex_unlock(&lock);
	return rc;
}

static const struct kernel_param_ops value_ops = { .get = get_value, .set = set_value };
module_param_cb(value, &value_ops, NULL, 0644);

static int get_length(char *buffer, const struct kernel_param *kp)
{
	return pages ? sprintf(buffer, "%zu\n", xen_iomem_length(pages)) : -ENODEV;
}

static const struct kernel_param_ops length_ops = { .get = get_length };
module_param_cb(length, &length_ops, NULL, 0444);

static void note(const char *event, bool now_usable)
{
	mutex_lock(&lock);
	strlcat(events, event, sizeof(events));
	usable = now_usable;
	mutex_unlock(&lock);
}

static void on_freeze(void *priv)
{
	note("freeze ", false);
}

static void on_restore(void *priv)
{
	note("restore ", true);
}

static void on_lost(void *priv)
{
	note("lost ", false);
}

static const struct xen_iomem_ops ops = {
	.freeze = on_freeze,
	.restore = on_restore,
	.lost = on_lost,
};

static int __init driver_init(void)
{
	grant_ref_t refs[64];
	uint i;

	if (nr > ARRAY_SIZE(refs))
		return -EINVAL;
	for (i = 0; i < nr; i++)
		refs[i] = first_ref + i;
	pages = id ? xen_iomem_attach(id, &ops, NULL)
		   : xen_iomem_map(0, refs, nr, wc ? XEN_IOMEM_WC : 0, &ops, NULL);
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	/* It may have been lost already; then it does not come back. */
	mutex_lock(&lock);
	usable = !events[0];
	mutex_unlock(&lock);
	return 0;
}

static void __exit driver_exit(void)
{
	xen_iomem_unmap(pages);
}

module_init(driver_init);
module_exit(driver_exit);
MODULE_DESCRIPTION("Uses granted device memory, for tests");
MODULE_LICENSE("GPL");
