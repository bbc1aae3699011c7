// SPDX-License-Identifier: GPL-2.0-only
/*
 * News of grants for user space: a generation that rises when a grant comes, goes or
 * changes, and poll() on /dev/xen/iomemgrant until it has.
 */
#include <linux/poll.h>

#include "iomemgrant.h"
#include "grant.h"

static u64 generation;			/* iomemgrant_grants_lock; read without */
static DECLARE_WAIT_QUEUE_HEAD(generation_wait);

void iomemgrant_grant_announce(void)
{
	lockdep_assert_held(&iomemgrant_grants_lock);
	WRITE_ONCE(generation, generation + 1);
	wake_up_interruptible(&generation_wait);
}

void iomemgrant_grant_announce_state(struct grant *g)
{
	sysfs_notify(&g->dev.kobj, NULL, "state");
	kobject_uevent(&g->dev.kobj, KOBJ_CHANGE);
	iomemgrant_grant_announce();
}

u64 iomemgrant_grant_generation(void)
{
	return READ_ONCE(generation);
}

__poll_t iomemgrant_grant_poll(struct file *file, struct poll_table_struct *wait, u64 seen)
{
	poll_wait(file, &generation_wait, wait);
	return iomemgrant_grant_generation() != seen ? EPOLLIN | EPOLLRDNORM | EPOLLPRI : 0;
}
