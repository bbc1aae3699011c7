// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making, editing and ending grant entries, valid or not.
 *
 * A PV domain may map its own grant frames: GNTTABOP_setup_table names them, and
 * HYPERVISOR_update_va_mapping puts one behind a window.  That reaches the flag bits and frame
 * numbers Linux's API does not let through.  A translated guest has only the API ("grant").
 *
 * References come from Linux's allocator, so the kernel's own users are left in peace.  After
 * "version 2" Linux still believes in version 1: use only the raw commands until "version 1".
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/types.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/grant_table.h>
#include <xen/xen.h>

#include "hvtest.h"

#define MAX_FRAMES 64

static unsigned long frame_va[MAX_FRAMES];
static unsigned long status_va[MAX_FRAMES];

static int table_version(void)
{
	struct gnttab_get_version v = { .dom = DOMID_SELF };

	if (HYPERVISOR_grant_table_op(GNTTABOP_get_version, &v, 1))
		return 1;
	return v.version;
}

static int nr_frames_now(void)
{
	struct gnttab_query_size q = { .dom = DOMID_SELF };

	if (HYPERVISOR_grant_table_op(GNTTABOP_query_size, &q, 1) || q.status)
		return -EIO;
	return q.nr_frames;
}

static int map_machine_frame(unsigned long *va, u64 mfn)
{
	void *window = hvtest_window(1);
	int rc;

	if (!window)
		return -ENOMEM;
	rc = hvtest_set_va((unsigned long)window, mfn << PAGE_SHIFT | __PAGE_KERNEL);
	if (!rc)
		*va = (unsigned long)window;
	return rc;
}

/* The frames of the grant table itself; the list is only ever asked for, never grown needlessly. */
static int map_table_frame(unsigned int index)
{
	struct gnttab_setup_table setup = { .dom = DOMID_SELF };
	xen_pfn_t *list;
	int rc, now = nr_frames_now();

	if (now < 0)
		return now;
	if (index >= MAX_FRAMES)
		return -ERANGE;
	if (frame_va[index])
		return 0;
	list = kcalloc(MAX_FRAMES, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	setup.nr_frames = max_t(unsigned int, now, index + 1);
	set_xen_guest_handle(setup.frame_list, list);
	rc = HYPERVISOR_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	if (!rc && setup.status)
		rc = -EIO;
	if (!rc)
		rc = map_machine_frame(&frame_va[index], list[index]);
	kfree(list);
	return rc;
}

static int map_status_frame(unsigned int index)
{
	struct gnttab_get_status_frames get = { .dom = DOMID_SELF, .nr_frames = index + 1 };
	u64 *list;
	int rc;

	if (index >= MAX_FRAMES)
		return -ERANGE;
	if (status_va[index])
		return 0;
	list = kcalloc(MAX_FRAMES, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	set_xen_guest_handle(get.frame_list, list);
	rc = HYPERVISOR_grant_table_op(GNTTABOP_get_status_frames, &get, 1);
	if (!rc && get.status)
		rc = -EIO;
	if (!rc)
		rc = map_machine_frame(&status_va[index], list[index]);
	kfree(list);
	return rc;
}

/* Where the entry of @ref lies, or NULL; *@status is its status word in a version 2 table. */
static void *entry_of(u32 ref, u16 **status)
{
	unsigned int v2 = table_version() == 2;
	unsigned int per_frame = PAGE_SIZE / (v2 ? sizeof(union grant_entry_v2)
						 : sizeof(struct grant_entry_v1));
	unsigned int per_status = PAGE_SIZE / sizeof(u16);

	*status = NULL;
	if (!xen_pv_domain() || map_table_frame(ref / per_frame))
		return NULL;
	if (v2) {
		if (map_status_frame(ref / per_status))
			return NULL;
		*status = (u16 *)status_va[ref / per_status] + ref % per_status;
		return (union grant_entry_v2 *)frame_va[ref / per_frame] + ref % per_frame;
	}
	return (struct grant_entry_v1 *)frame_va[ref / per_frame] + ref % per_frame;
}

/* Flags last, as the granting protocol wants it. */
static int write_entry(u32 ref, u16 flags, u16 dom, u64 frame)
{
	u16 *status;
	void *e = entry_of(ref, &status);

	if (!e)
		return -EOPNOTSUPP;
	if (status) {
		union grant_entry_v2 *v2 = e;

		v2->full_page.hdr.domid = dom;
		if ((flags & GTF_type_mask) == GTF_permit_access && (flags & GTF_sub_page)) {
			v2->sub_page.page_off = 0;
			v2->sub_page.length = 64;
			v2->sub_page.frame = frame;
		} else {
			v2->full_page.frame = frame;
		}
		wmb(); /* the guest may map as soon as flags is written */
		WRITE_ONCE(v2->hdr.flags, flags);
	} else {
		struct grant_entry_v1 *v1 = e;

		v1->domid = dom;
		v1->frame = frame;
		wmb(); /* the guest may map as soon as flags is written */
		WRITE_ONCE(v1->flags, flags);
	}
	return 0;
}

static int cmd_version(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_set_version set = { .version = hvtest_arg(a, 0, 0) };
	int rc = 0;

	if (set.version) {
		unsigned int i;

		/* Xen frees the status frames of version 2 only when nobody maps them. */
		for (i = 0; i < MAX_FRAMES; i++)
			if (status_va[i] && !hvtest_set_va(status_va[i], 0))
				status_va[i] = 0;
		rc = HYPERVISOR_grant_table_op(GNTTABOP_set_version, &set, 1);
	}
	hvtest_say(r, "rc=%d version=%d frames=%d", rc, table_version(), nr_frames_now());
	return 0;
}

/* grant DOM FRAME [FLAGS]: Linux's API for flags 1 and 5, the raw entry for everything else */
static int cmd_grant(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u16 flags = hvtest_arg(a, 2, GTF_permit_access);
	bool raw = flags & ~(GTF_permit_access | GTF_readonly) || !(flags & GTF_permit_access) ||
		   table_version() != 1 || a->v[1] >> 32;
	grant_ref_t ref;
	int rc;

	rc = gnttab_alloc_grant_reference_seq(1, &ref);
	if (!rc && raw) {
		rc = write_entry(ref, flags, a->v[0], a->v[1]);
		if (rc)
			gnttab_free_grant_reference(ref);
	} else if (!rc) {
		gnttab_grant_foreign_access_ref(ref, a->v[0], a->v[1], flags & GTF_readonly);
	}
	hvtest_say(r, "rc=%d ref=%u", rc, rc ? 0 : ref);
	return 0;
}

static int cmd_set_entry(struct hvtest_reply *r, const struct hvtest_args *a)
{
	hvtest_say(r, "rc=%d", write_entry(a->v[0], a->v[1], a->v[2], a->v[3]));
	return 0;
}

static int cmd_entry(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u16 *status;
	void *e = entry_of(a->v[0], &status);

	if (!e) {
		hvtest_say(r, "rc=%d", -EOPNOTSUPP);
	} else if (status) {
		union grant_entry_v2 *v2 = e;

		hvtest_say(r, "rc=0 flags=0x%x dom=%u frame=0x%llx status=0x%x",
			   READ_ONCE(v2->hdr.flags), v2->hdr.domid, v2->full_page.frame,
			   READ_ONCE(*status));
	} else {
		struct grant_entry_v1 *v1 = e;

		hvtest_say(r, "rc=0 flags=0x%x dom=%u frame=0x%x status=0x%x",
			   READ_ONCE(v1->flags), v1->domid, v1->frame,
			   READ_ONCE(v1->flags) & (GTF_reading | GTF_writing));
	}
	return 0;
}

/* flags REF SET CLEAR: edits the flag word while the other side may be changing it */
static int cmd_flags(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u16 *status, *word = entry_of(a->v[0], &status);
	u16 was, now;

	if (!word) {
		hvtest_say(r, "rc=%d", -EOPNOTSUPP);
		return 0;
	}
	do {
		was = READ_ONCE(*word);
		now = (was | a->v[1]) & ~a->v[2];
	} while (cmpxchg(word, was, now) != was);
	hvtest_say(r, "rc=0 flags=0x%x", now);
	return 0;
}

/* end REF: what a correct granter does; ended=0 means the other side still maps it */
static int cmd_end(struct hvtest_reply *r, const struct hvtest_args *a)
{
	hvtest_say(r, "rc=0 ended=%d", gnttab_try_end_foreign_access(a->v[0]));
	return 0;
}

/* end_raw REF: the same for entries of a version 2 table and of invalid type */
static int cmd_end_raw(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u16 *status, *word = entry_of(a->v[0], &status);
	u16 was;
	int ended = 0;

	if (!word) {
		hvtest_say(r, "rc=%d", -EOPNOTSUPP);
		return 0;
	}
	if (status) {
		WRITE_ONCE(*word, 0);
		mb(); /* Xen reads flags before it sets status */
		ended = !(READ_ONCE(*status) & (GTF_reading | GTF_writing));
	} else {
		do {
			was = READ_ONCE(*word);
			if (was & (GTF_reading | GTF_writing))
				break;
			ended = cmpxchg(word, was, 0) == was;
		} while (!ended);
	}
	if (ended && a->v[0] >= GNTTAB_NR_RESERVED_ENTRIES)
		gnttab_free_grant_reference(a->v[0]);
	hvtest_say(r, "rc=0 ended=%d", ended);
	return 0;
}

/*
 * end_witness REF MILLISECONDS VA WORDS: tries to end until it succeeds, then reads the WORDS words
 * at VA twice with a pause between.  A word that moved is an access after the end.
 */
static int cmd_end_witness(struct hvtest_reply *r, const struct hvtest_args *a)
{
	unsigned int i, words = min_t(u64, a->v[3], 64);
	u32 before[64], after;
	unsigned long until = jiffies + msecs_to_jiffies(a->v[1]);
	int moved = 0, rc = 0;
	u64 n;

	for (n = 1; !gnttab_try_end_foreign_access(a->v[0]); n++) {
		if (time_after(jiffies, until)) {
			hvtest_say(r, "rc=0 ended=0 tries=%llu", n);
			return 0;
		}
		/* Only so that others run; a longer pause would miss the moments. */
		if (!(n & 1023))
			cond_resched();
	}
	for (i = 0; i < words; i++)
		rc |= hvtest_peek(a->v[2] + i * 4, &before[i]);
	schedule_timeout_uninterruptible(HZ / 10);
	for (i = 0; i < words; i++) {
		rc |= hvtest_peek(a->v[2] + i * 4, &after);
		moved += after != before[i];
	}
	hvtest_say(r, "rc=%d ended=1 tries=%llu moved=%d first=0x%x", rc, n, moved, before[0]);
	return 0;
}

static int cmd_table_frame(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
	xen_pfn_t first = 0;
	int rc;

	set_xen_guest_handle(setup.frame_list, &first);
	rc = HYPERVISOR_grant_table_op(GNTTABOP_setup_table, &setup, 1);
	hvtest_say(r, "rc=%d status=%d mfn=0x%lx", rc, setup.status, (unsigned long)first);
	return 0;
}

static int cmd_swap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	struct gnttab_swap_grant_ref swap = { .ref_a = a->v[0], .ref_b = a->v[1] };
	int rc = HYPERVISOR_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1);

	hvtest_say(r, "rc=%d status=%d", rc, swap.status);
	return 0;
}

const struct hvtest_command hvtest_granter_commands[] = {
	{ "version", "[1|2]", 0, 1, cmd_version },
	{ "grant", "DOM FRAME [FLAGS]", 2, 3, cmd_grant },
	{ "set_entry", "REF FLAGS DOM FRAME", 4, 4, cmd_set_entry },
	{ "entry", "REF", 1, 1, cmd_entry },
	{ "flags", "REF SET CLEAR", 3, 3, cmd_flags },
	{ "end", "REF", 1, 1, cmd_end },
	{ "end_raw", "REF", 1, 1, cmd_end_raw },
	{ "end_witness", "REF MS VA WORDS", 4, 4, cmd_end_witness },
	{ "table_frame", "", 0, 0, cmd_table_frame },
	{ "swap", "REF REF", 2, 2, cmd_swap },
	{ }
};
