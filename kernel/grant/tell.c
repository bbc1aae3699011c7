// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tells the guest when the device behind its pages has gone, or the driver that
 * lent it: the publication goes from Connected to Closing, as if it were revoked,
 * and the guest takes the pages from its users, who would read nothing but ones.
 * When Xen says that the guest has let go, the publication is removed and the grant
 * is ended.
 *
 * Changes under a grant that lives on are told as well: the node `changes` has them, and
 * `state` is written again with the value that it has, because a frontend watches no
 * other node.
 *
 * The module does all of it itself, because no program of user space is sure to run.
 *
 * A grant that was not published yet, or whose publication could not be written, is
 * tried again as long as it exists: grant/death.c, whose work this is part of, looks every
 * ten seconds.
 *
 * User space publishes under the grant's id where that is free, else under another
 * number.  So a publication is recognised by its references, which no other has.
 */
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "iomemgrant.h"
#include "decode.h"
#include "outside.h"

#define TRIES 20
#define PUBLISHED_WITHIN (60 * NSEC_PER_SEC)

/* Only the hardware domain grants, and its number is 0. */
#define BACKENDS	"/local/domain/0/backend/iomem"
#define PATH_SIZE	80

static void backend_path(char *path, domid_t domid, u64 devid)
{
	snprintf(path, PATH_SIZE, BACKENDS "/%u/%llu", domid, devid);
}

/* 1: the publication at @path names exactly the references of @grant; 0: it does not. */
static int publishes(struct xenbus_transaction xbt, const char *path,
		     const struct grant_to_tell *grant)
{
	char want[24], *refs = xenbus_read(xbt, path, "refs", NULL);
	int same;

	if (IS_ERR(refs))
		return PTR_ERR(refs) == -ENOENT ? 0 : PTR_ERR(refs);
	if (grant->nr_refs == 1)
		snprintf(want, sizeof(want), "%u", grant->first_ref);
	else
		snprintf(want, sizeof(want), "%u-%u", grant->first_ref,
			 grant->first_ref + grant->nr_refs - 1);
	same = !strcmp(refs, want);
	kfree(refs);
	return same;
}

/* The same for all publications to the guest: 1, and *@devid is the number of the one that does. */
static int search_publications(struct xenbus_transaction xbt, const struct grant_to_tell *grant,
			       u64 *devid)
{
	char path[PATH_SIZE], **names;
	unsigned int nr, i;
	int rc = 0;

	snprintf(path, sizeof(path), BACKENDS "/%u", grant->domid);
	names = xenbus_directory(xbt, path, "", &nr);
	if (IS_ERR(names))
		return PTR_ERR(names);
	for (i = 0; i < nr && !rc; i++) {
		if (decode_whole_number(names[i], S64_MAX, devid))
			continue;
		backend_path(path, grant->domid, *devid);
		rc = publishes(xbt, path, grant);
	}
	kfree(names);
	return rc;
}

/*
 * The number under which @grant is published: 0, -ENOENT, or another failure.
 *
 * A later grant may have got the same references.  As long as @grant exists they are its own,
 * so a publication that named them before was its publication; what changes afterwards is a
 * conflict of the transaction.
 */
static int find_publication(struct xenbus_transaction xbt, const struct grant_to_tell *grant,
			    u64 *devid)
{
	char path[PATH_SIZE];
	int rc;

	backend_path(path, grant->domid, grant->id);
	*devid = grant->id;
	rc = publishes(xbt, path, grant);
	if (!rc)
		rc = search_publications(xbt, grant, devid);
	if (rc < 0)
		return rc;
	return rc && iomemgrant_grant_exists(grant->id) ? 0 : -ENOENT;
}

/* Finds the backend directory of @grant, of PATH_SIZE bytes at most, and the state in it. */
static int find_state(struct xenbus_transaction xbt, const struct grant_to_tell *grant,
		      char *path, int *state)
{
	u64 devid;
	int rc;

	rc = find_publication(xbt, grant, &devid);
	if (rc)
		return rc;
	backend_path(path, grant->domid, devid);
	rc = xenbus_scanf(xbt, path, "state", "%d", state);
	return rc == 1 ? 0 : rc < 0 ? rc : -ENOENT;
}

static int close(struct xenbus_transaction xbt, const struct grant_to_tell *grant)
{
	char path[PATH_SIZE];
	int rc, state;

	rc = find_state(xbt, grant, path, &state);
	if (rc || state != XenbusStateConnected)
		return rc;
	return xenbus_printf(xbt, path, "state", "%d", XenbusStateClosing);
}

/* Nothing is written before the first change, nor while the changes stay the same. */
static int write_changes(struct xenbus_transaction xbt, const struct grant_to_tell *grant)
{
	char path[PATH_SIZE], text[DECODE_CHANGES_MAX + 1];
	int rc, state;

	rc = find_state(xbt, grant, path, &state);
	if (rc)
		return rc;
	decode_changes_text(grant->changes, text);
	if (grant->changes)
		rc = xenbus_write(xbt, path, "changes", text);
	else
		rc = xenbus_rm(xbt, path, "changes");
	if (rc && rc != -ENOENT)
		return rc;
	return xenbus_printf(xbt, path, "state", "%d", state);
}

static void remove_if_empty(struct xenbus_transaction xbt, const char *path)
{
	unsigned int nr;
	char **names = xenbus_directory(xbt, path, "", &nr);

	if (IS_ERR(names))
		return;
	kfree(names);
	if (!nr)
		xenbus_rm(xbt, path, "");
}

/* As user space does it at the end of a revoke: both directories, and parents left empty. */
static int withdraw(struct xenbus_transaction xbt, const struct grant_to_tell *grant)
{
	char path[PATH_SIZE];
	u64 devid;
	int rc;

	rc = find_publication(xbt, grant, &devid);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/local/domain/%u/device/iomem/%llu", grant->domid, devid);
	rc = xenbus_rm(xbt, path, "");
	if (rc && rc != -ENOENT)
		return rc;
	backend_path(path, grant->domid, devid);
	rc = xenbus_rm(xbt, path, "");
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/local/domain/%u/device/iomem", grant->domid);
	remove_if_empty(xbt, path);
	snprintf(path, sizeof(path), BACKENDS "/%u", grant->domid);
	remove_if_empty(xbt, path);
	remove_if_empty(xbt, BACKENDS);
	return 0;
}

/* Looks and writes in one transaction: user space may be changing the same right now. */
static int transact(const struct grant_to_tell *grant,
		    int (*act)(struct xenbus_transaction xbt, const struct grant_to_tell *grant))
{
	struct xenbus_transaction xbt;
	int rc, tries = 0;

	do {
		rc = xenbus_transaction_start(&xbt);
		if (rc)
			return rc;
		rc = act(xbt, grant);
		if (rc)
			xenbus_transaction_end(xbt, 1);
		else
			rc = xenbus_transaction_end(xbt, 0);
	} while (rc == -EAGAIN && ++tries < TRIES);
	return rc;
}

/*
 * True when there is nothing more to write.  A command publishes a grant at once; one that
 * was not published within a minute is held by a program, or its references were taken
 * out of the publication.
 */
static bool tell_changes(const struct grant_to_tell *grant)
{
	int rc = transact(grant, write_changes);

	return !rc || (rc == -ENOENT && ktime_get_boottime_ns() - grant->made > PUBLISHED_WITHIN);
}

/* True when the guest needs no more telling. */
static bool tell(const struct grant_to_tell *grant)
{
	return !transact(grant, close);
}

/* True when nothing of the publication is left. */
static bool take_back(const struct grant_to_tell *grant)
{
	int rc = transact(grant, withdraw);

	return !rc || rc == -ENOENT;
}

void iomemgrant_lost_settle_all(void)
{
	if (!iomemgrant_store_ready())
		return;
	iomemgrant_grant_each_lost(tell);
	iomemgrant_grant_each_of_no_use(take_back);
	iomemgrant_grant_each_changed(tell_changes);
}
