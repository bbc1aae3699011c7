// SPDX-License-Identifier: GPL-2.0-only
/*
 * Labels of grants.  A label names one grant of a guest, so the module, which alone
 * knows all grants, keeps labels unique.
 */
#include <linux/spinlock.h>

#include "iomemgrant.h"
#include "decode.h"
#include "grant.h"

/* Inside iomemgrant_grants_lock.  Lets sysfs read a label whole without that lock. */
static DEFINE_SPINLOCK(label_lock);

/* An empty label means none. */
bool iomemgrant_grant_label_valid(const char *label)
{
	return strnlen(label, IOMEMGRANT_LABEL_SIZE) < IOMEMGRANT_LABEL_SIZE &&
	       (!label[0] || decode_label_ok(label));
}

/* @own is the grant that is to get @label. */
int iomemgrant_grant_label_check(const struct grant *own, const char *label)
{
	const struct grant *g;

	lockdep_assert_held(&iomemgrant_grants_lock);
	if (!label[0])
		return 0;
	list_for_each_entry(g, &iomemgrant_grants, node)
		if (g != own && g->domid == own->domid && uuid_equal(&g->uuid, &own->uuid) &&
		    !strcmp(g->label, label))
			return -EALREADY;
	return 0;
}

void iomemgrant_grant_label_copy(const struct grant *g, char *label)
{
	spin_lock(&label_lock);
	strscpy(label, g->label, IOMEMGRANT_LABEL_SIZE);
	spin_unlock(&label_lock);
}

int iomemgrant_grant_label_set(const struct iomemgrant_label *rq, const void *owner)
{
	struct grant *g;
	int rc;

	if (rq->reserved || !iomemgrant_grant_label_valid(rq->label))
		return -EINVAL;
	mutex_lock(&iomemgrant_grants_lock);
	rc = iomemgrant_grant_find_owned(rq->id, owner, &g);
	rc = rc ?: iomemgrant_grant_label_check(g, rq->label);
	if (!rc && strcmp(g->label, rq->label)) {
		spin_lock(&label_lock);
		strscpy(g->label, rq->label, sizeof(g->label));
		spin_unlock(&label_lock);
		kobject_uevent(&g->dev.kobj, KOBJ_CHANGE);
		iomemgrant_grant_announce();
	}
	mutex_unlock(&iomemgrant_grants_lock);
	return rc;
}
