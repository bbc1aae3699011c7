// SPDX-License-Identifier: GPL-2.0-only
/*
 * XenStore for the granting half.
 *
 * A request of the kernel waits without limit, and no signal ends the wait: with
 * an xenstored that hangs, the thread which asks hangs as well.  So no thread of
 * user space asks.  All requests of the granting half run on iomemgrant_store_wq, whose
 * workers do not freeze either, because one that waits for xenstored would keep dom0
 * from suspending.
 *
 * The module's text must stay while such a worker waits.  Each request therefore
 * holds the module, and removing the module is refused meanwhile instead of
 * hanging.
 */
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "iomemgrant.h"
#include "outside.h"

#define DEADLINE	(5 * HZ)
/* Workers that may wait for xenstored at once; further requests queue behind them. */
#define MAX_WORKERS	16
#define VM_PATH		"/vm/"

struct workqueue_struct *iomemgrant_store_wq;
static bool ready;			/* set once, by the notifier */

bool iomemgrant_store_ready(void)
{
	return READ_ONCE(ready);
}

int iomemgrant_store_read_uuid(domid_t domid, uuid_t *uuid)
{
	unsigned int len;
	char dir[32];
	char *vm;
	int rc = -EINVAL;

	snprintf(dir, sizeof(dir), "/local/domain/%u", domid);
	vm = xenbus_read(XBT_NIL, dir, "vm", &len);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	if (!strncmp(vm, VM_PATH, strlen(VM_PATH)))
		rc = uuid_parse(vm + strlen(VM_PATH), uuid);
	kfree(vm);
	return rc;
}

/* One question for a UUID; the worker and the thread that asked hold it. */
struct question {
	struct work_struct work;
	struct kref users;
	struct completion answered;
	domid_t domid;			/* fixed */
	uuid_t uuid;			/* the worker's until answered, as is rc */
	int rc;
};

static void question_free(struct kref *users)
{
	kfree(container_of(users, struct question, users));
}

static void answer(struct work_struct *work)
{
	struct question *q = container_of(work, struct question, work);

	q->rc = iomemgrant_store_read_uuid(q->domid, &q->uuid);
	complete(&q->answered);
	kref_put(&q->users, question_free);
	module_put(THIS_MODULE);
}

int iomemgrant_store_ask_uuid(domid_t domid, uuid_t *uuid)
{
	struct question *q;
	long left;

	*uuid = uuid_null;
	if (!iomemgrant_store_ready())
		return 0;
	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return -ENOMEM;
	INIT_WORK(&q->work, answer);
	init_completion(&q->answered);
	kref_init(&q->users);
	kref_get(&q->users);
	q->domid = domid;
	__module_get(THIS_MODULE);
	queue_work(iomemgrant_store_wq, &q->work);
	left = wait_for_completion_interruptible_timeout(&q->answered, DEADLINE);
	if (left > 0 && !q->rc)
		*uuid = q->uuid;
	/* Not begun yet, it never needs to be. */
	if (left <= 0 && cancel_work(&q->work)) {
		kref_put(&q->users, question_free);
		module_put(THIS_MODULE);
	}
	kref_put(&q->users, question_free);
	if (left < 0)
		return left;
	return left ? 0 : -ETIMEDOUT;
}

static int store_up(struct notifier_block *nb, unsigned long event, void *data)
{
	WRITE_ONCE(ready, true);
	return NOTIFY_DONE;
}

static struct notifier_block store_nb = { .notifier_call = store_up };

int iomemgrant_store_init(void)
{
	int rc;

	iomemgrant_store_wq = alloc_workqueue("iomemgrant_store", WQ_UNBOUND, MAX_WORKERS);
	if (!iomemgrant_store_wq)
		return -ENOMEM;
	rc = register_xenstore_notifier(&store_nb);
	if (rc)
		destroy_workqueue(iomemgrant_store_wq);
	return rc;
}

/* Queued work runs to its end: its last act may be to drop the module. */
void iomemgrant_store_exit(void)
{
	unregister_xenstore_notifier(&store_nb);
	destroy_workqueue(iomemgrant_store_wq);
}
