// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registry of granted I/O memory, common/grant_iomem.c of the patches, by itself: a guest that
 * makes and drops page-table entries, maps and unmaps grants, and a toolstack that permits and
 * denies ranges, first in one random order of steps, then all at once.
 *
 * What must hold: when the last unmap of a range succeeded, no entry of the guest points into it,
 * unless its static permission allows that; and when the first map did, none does either.
 */
#include "harness.h"
#include <sched.h>
#include <xen/grant_iomem.h>

#define FRAMES 8
#define SLOTS 24

unsigned int nr_messages, nr_softirqs;
bool physmap_present, iommu_present, iommu_broken, adding_fails;
static struct domain dom;
static uint64_t seed = 88172645463325252ull;

static uint64_t dice(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static bool racing;
static _Thread_local uint64_t jitter;

void interleave(void)
{
	if (!racing)
		return;
	if (!jitter)
		jitter = (uintptr_t)&jitter | 1;
	if (dice(&jitter) % 4 == 0)
		for (volatile unsigned int i = dice(&jitter) % 2000; i; i--)
			;
	else if (dice(&jitter) % 8 == 0)
		sched_yield();
}

int check_efi(void);

static void fail(const char *what, unsigned long s, unsigned int order)
{
	printf("registry: %s: frames %lu order %u\n", what, s, order);
	exit(1);
}

/* get_page_from_l1e()'s order of things */
static bool make_entry(unsigned long mfn)
{
	bool permitted = iomem_access_permitted(&dom, mfn, mfn);

	return grant_iomem_pte_get(&dom, mfn) || permitted;
}

static void permit(unsigned long s, unsigned long e)
{
	rangeset_add_range(dom.iomem_caps, s, e);
}

/* XEN_DOMCTL_iomem_permission's */
static void deny(unsigned long s, unsigned long e)
{
	if (grant_iomem_taint(&dom, s, e))
		abort();
	rangeset_remove_range(dom.iomem_caps, s, e);
}

static void start(void)
{
	memset(&dom, 0, sizeof(dom));
	dom.iomem_caps = rangeset_new(NULL, NULL, 0);
}

static void finish(void)
{
	grant_iomem_destroy(&dom);
	rangeset_destroy(dom.iomem_caps);
}

struct handle { unsigned long s; unsigned int order; };

static void put_all(struct handle *handles, unsigned int nr)
{
	while (nr--)
		if (grant_iomem_put_range(&dom, handles[nr].s, handles[nr].order, true))
			fail("forced end refused", handles[nr].s, handles[nr].order);
}

/* One life of a domain, step by step, against what is known about it. */
static void sequence(unsigned int steps)
{
	unsigned int nr_handles = 0, nr_entries = 0, i;
	unsigned long entries[SLOTS];
	struct handle handles[SLOTS];

	start();
	while (steps--) {
		unsigned long mfn = dice(&seed) % FRAMES;
		unsigned int order = dice(&seed) % 3, rest = 0;

		switch (dice(&seed) % 8) {
		case 0: case 1:
			if (nr_entries < SLOTS && make_entry(mfn))
				entries[nr_entries++] = mfn;
			break;
		case 2: case 3:
			if (!nr_entries)
				break;
			i = dice(&seed) % nr_entries;
			mfn = entries[i];
			entries[i] = entries[--nr_entries];
			grant_iomem_pte_put(&dom, mfn);
			break;
		case 4: case 5:
			mfn &= ~((1ul << order) - 1);
			if (nr_handles == SLOTS || grant_iomem_get_range(&dom, mfn, order))
				break;
			for (i = 0; i < nr_handles; i++)
				rest += handles[i].s == mfn;
			for (i = 0; !rest && i < nr_entries; i++)
				if (entries[i] - mfn < 1ul << order)
					fail("granted with an entry there", mfn, order);
			handles[nr_handles++] = (struct handle){ mfn, order };
			break;
		case 6:
			if (!nr_handles)
				break;
			i = dice(&seed) % nr_handles;
			struct handle h = handles[i];

			if (grant_iomem_put_range(&dom, h.s, h.order, false))
				break;
			handles[i] = handles[--nr_handles];
			for (i = 0; i < nr_handles; i++)
				rest += handles[i].s == h.s;
			for (i = 0; !rest && i < nr_entries; i++)
				if (entries[i] - h.s < 1ul << h.order &&
				    !iomem_access_permitted(&dom, entries[i], entries[i]))
					fail("ended with an entry left", h.s, h.order);
			break;
		case 7:
			/* Denying rarely, since the range is lost for the rest of this life. */
			if (dice(&seed) % 4 == 0)
				permit(mfn, mfn);
			else if (dice(&seed) % 16 == 0)
				deny(mfn, mfn);
			break;
		}
	}
	put_all(handles, nr_handles);
	finish();
}

/* The same frame by three threads: entries, grants, permissions.  An odd "held" has an entry behind it. */
static unsigned int held, permissions;
static bool over;

static void *entries_fn(void *unused)
{
	while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
		if (!make_entry(5))
			continue;
		__atomic_add_fetch(&held, 1, __ATOMIC_SEQ_CST);
		for (volatile int i = 0; i < 20; i++)
			;
		__atomic_add_fetch(&held, 1, __ATOMIC_SEQ_CST);
		grant_iomem_pte_put(&dom, 5);
	}
	return unused;
}

static void *permissions_fn(void *unused)
{
	permit(5, 5);
	interleave();
	deny(5, 5);
	__atomic_add_fetch(&permissions, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void race(void)
{
	pthread_t makers, toolstack;
	unsigned int before, denied, tries;

	start();
	racing = true;
	over = false;
	held = permissions = 0;
	pthread_create(&makers, NULL, entries_fn, NULL);
	pthread_create(&toolstack, NULL, permissions_fn, NULL);
	for (tries = 0; tries < 300; tries++) {
		if (grant_iomem_get_range(&dom, 5, 0))
			continue;
		for (;;) {
			denied = __atomic_load_n(&permissions, __ATOMIC_SEQ_CST);
			before = __atomic_load_n(&held, __ATOMIC_SEQ_CST);
			if (!grant_iomem_put_range(&dom, 5, 0, false))
				break;
		}
		/* Denied before, the same entry before and after: it was there all the time. */
		if (denied && (before & 1) && before == __atomic_load_n(&held, __ATOMIC_SEQ_CST))
			fail("ended with an entry left, racing", 5, 0);
	}
	__atomic_store_n(&over, true, __ATOMIC_SEQ_CST);
	pthread_join(makers, NULL);
	pthread_join(toolstack, NULL);
	finish();
}

/* Static permission, present or past, keeps a PV guest from being granted the same; only that kind of guest. */
static void static_permission(void)
{
	start();
	permit(3, 3);
	if (grant_iomem_get_range(&dom, 3, 0) != -EEXIST || grant_iomem_get_range(&dom, 2, 1) != -EEXIST)
		fail("permitted, granted", 3, 0);
	deny(3, 3);
	if (grant_iomem_get_range(&dom, 3, 0) != -EEXIST)
		fail("permitted once, granted", 3, 0);
	/* Permitted while granted: entries need not go, and are counted nevertheless. */
	if (grant_iomem_get_range(&dom, 5, 0) || !make_entry(5))
		fail("not permitted, refused", 5, 0);
	permit(5, 5);
	deny(5, 5);
	if (grant_iomem_put_range(&dom, 5, 0, false) != -EBUSY)
		fail("ended with an entry left, denied", 5, 0);
	permit(5, 5);
	if (grant_iomem_put_range(&dom, 5, 0, false))
		fail("permitted, refused to end", 5, 0);
	finish();

	start();
	dom.translated = true;
	permit(3, 3);
	if (grant_iomem_get_range(&dom, 3, 0) || grant_iomem_put_range(&dom, 3, 0, true))
		fail("translated and permitted, refused", 3, 0);
	finish();
}

/* A hardware domain may map its own grants, whatever entries it has. */
static void hardware_domain(void)
{
	start();
	dom.hardware = true;
	permit(0, 63);
	if (!make_entry(3) || grant_iomem_get_range(&dom, 3, 0) || !make_entry(3))
		fail("hardware domain refused", 3, 0);
	grant_iomem_pte_put(&dom, 3);
	grant_iomem_pte_put(&dom, 3);
	if (!make_entry(3) || grant_iomem_put_range(&dom, 3, 0, false))
		fail("hardware domain cannot unmap", 3, 0);
	finish();
}

/* With gnttab=iomem:off a denial leaves no trace. */
static void switched_off(void)
{
	start();
	opt_grant_iomem = false;
	permit(3, 3);
	deny(3, 3);
	if (dom.iomem_grants)
		fail("switched off, but allocated", 3, 0);
	opt_grant_iomem = true;
	finish();
}

/* Every range is printed, in between of which others get their turn. */
static void dump(void)
{
	unsigned int printed = nr_messages;

	start();
	for (unsigned long s = 0; s < 64; s++)
		if (grant_iomem_get_range(&dom, s, 0))
			fail("refused", s, 0);
	grant_iomem_dump(&dom);
	if (nr_messages - printed != 66 || nr_softirqs != 64)
		fail("dumped wrongly", nr_messages - printed, nr_softirqs);
	nr_messages = printed;
	for (unsigned long s = 0; s < 64; s++)
		put_all(&(struct handle){ s, 0 }, 1);
	finish();
}

/* Once removal from a physmap has failed nothing but the domain's death ends it, if that. */
static void stuck_until_death(bool adding, bool heals)
{
	struct domain granter = { .iomem_caps = rangeset_new(NULL, NULL, 0) };
	bool stuck;
	int rc;

	start();
	dom.translated = true;
	rangeset_add_range(granter.iomem_caps, 5, 5);
	adding_fails = iommu_broken = adding;
	rc = grant_iomem_map(&dom, &granter, 5, 0, 0x7000, &stuck);
	if (!rc == adding || stuck != adding || granter.refs != 1)
		fail("map", 5, 0);
	adding_fails = false;
	if (!adding) {
		iommu_broken = true;
		if (grant_iomem_unmap(&dom, 5, 0, 7, &stuck) != -EIO || !stuck)
			fail("removal failed, unmapped", 5, 0);
	}
	iommu_broken = false;
	for (int i = 0; i < 2; i++)
		if (grant_iomem_unmap(&dom, 5, 0, 7, &stuck) != -EIO || !stuck)
			fail("stuck, unmapped", 5, 0);
	iommu_broken = !heals;
	dom.is_dying = true;
	if (grant_iomem_release(&dom, 5, 0, 7, stuck) != heals || iommu_present == heals)
		fail("released while the IOMMU has it, or not at all", 5, 0);
	iommu_broken = iommu_present = false;
	rangeset_destroy(granter.iomem_caps);
	finish();
}

/* A failed map which could be undone leaves nothing; a dying granter is refused. */
static void failed_map(void)
{
	struct domain granter = { .iomem_caps = rangeset_new(NULL, NULL, 0) };
	bool stuck;

	start();
	dom.translated = true;
	rangeset_add_range(granter.iomem_caps, 5, 5);
	adding_fails = true;
	if (grant_iomem_map(&dom, &granter, 5, 0, 0x7000, &stuck) != -EIO || stuck ||
	    granter.refs || physmap_present || iommu_present || grant_iomem_covers(&dom, 5))
		fail("failed map left something", 5, 0);
	adding_fails = false;
	granter.is_dying = true;
	if (grant_iomem_map(&dom, &granter, 5, 0, 0x7000, &stuck) != -ESRCH || granter.refs)
		fail("granted by the dying", 5, 0);
	rangeset_destroy(granter.iomem_caps);
	finish();
}

int main(int argc, char **argv)
{
	int lives = argc > 1 ? atoi(argv[1]) : 4000, i;

	static_permission();
	hardware_domain();
	switched_off();
	dump();
	if (check_efi())
		return 1;
	for (i = 0; i < 4; i++)
		stuck_until_death(i & 1, i & 2);
	failed_map();
	for (i = 0; i < lives; i++)
		sequence(200);
	for (i = 0; i < lives / 4; i++)
		race();
	printf("registry: %d lives of 200 steps, %d races, %u messages\n", lives, lives / 4, nr_messages);
	return nr_messages != 0;
}
