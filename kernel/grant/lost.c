// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants whose device is not any more what it was when they were made.
 *
 * A grant is lost when its device, its place or the driver that lent it has gone.
 * grant/tell.c tells the guest, which then lets go.  A lost grant that was told and that
 * the guest does not map is of no use to any domain: it ends without being asked
 * for, because its references keep the addresses, and a driver, waiting.
 *
 * Lesser changes are noted for user space, the guest is told of them, and they have no
 * other effect.
 */
#include "iomemgrant.h"
#include "grant.h"
#include "outside.h"

/* Keeps grants with a bit of @allow, and those of @domid. */
static void lose(const struct bar_hold *hold, u32 reason, u32 allow, int domid)
{
	struct grant *g;

	lockdep_assert_held(&iomemgrant_grants_lock);
	list_for_each_entry(g, &iomemgrant_grants, node) {
		if (g->hold != hold || g->lost_reason || g->allow & allow || g->domid == domid)
			continue;
		WRITE_ONCE(g->lost_reason, reason);
		WRITE_ONCE(g->changes, 0);
		iomemgrant_grant_announce_state(g);
		iomemgrant_grant_look_after();
	}
}

/* Some grant has changes since all BARs were looked at last. */
static bool changes_to_tell;

/*
 * Guests are told after the next look at all BARs, which comes within a second.  Telling at once
 * would look at the BARs again, so that a guest whose device changes at its will could keep this
 * domain busy.
 */
static void note_changes(const struct bar_hold *hold, u32 changes)
{
	struct grant *g;
	u32 now;

	lockdep_assert_held(&iomemgrant_grants_lock);
	list_for_each_entry(g, &iomemgrant_grants, node) {
		now = changes;
		if (g->allow & IOMEMGRANT_ALLOW_DMA)
			now &= ~IOMEMGRANT_CHANGED_BUS_MASTER;
		if (g->hold != hold || g->lost_reason || g->changes == now)
			continue;
		WRITE_ONCE(g->changes, now);
		kobject_uevent(&g->dev.kobj, KOBJ_CHANGE);
		iomemgrant_grant_announce();
		changes_to_tell = true;
	}
}

/* A guest that was not told may be about to map: its grant stays. */
static bool is_of_no_use(const struct grant *g)
{
	u32 nr_mapped;

	if (!g->lost_reason || !g->told || g->withdrawn || g->ending)
		return false;
	nr_mapped = iomemgrant_grant_nr_mapped(g);
	/* Where Xen's marks cannot be read, trying to end tells. */
	return !nr_mapped || nr_mapped == U32_MAX;
}

static bool any_of_no_use(void)
{
	const struct grant *g;

	list_for_each_entry(g, &iomemgrant_grants, node)
		if (is_of_no_use(g))
			return true;
	return false;
}

static void after_look(void)
{
	lockdep_assert_held(&iomemgrant_grants_lock);
	if (changes_to_tell || any_of_no_use())
		iomemgrant_grant_look_after();
	changes_to_tell = false;
}

const struct bar_events iomemgrant_grant_bar_events = {
	.lost = lose,
	.changed = note_changes,
	.settle_soon = iomemgrant_grant_retry_soon,
	.looked = after_look,
};

/* The first grant after *@id that @wanted picks, for walks that drop the lock between two. */
static struct grant *next_grant(u64 id, bool (*wanted)(const struct grant *g))
{
	struct grant *g;

	list_for_each_entry(g, &iomemgrant_grants, node)
		if (g->id > id && wanted(g))
			return g;
	return NULL;
}

static bool is_to_be_told(const struct grant *g)
{
	return g->lost_reason && !g->told;
}

/* Calls @act, without the lock, for each grant that @wanted picks, then @done if that was true. */
static void each_grant(bool (*wanted)(const struct grant *g),
		       bool (*act)(const struct grant_to_tell *grant),
		       void (*done)(struct grant *g, const struct grant_to_tell *grant))
{
	struct grant_to_tell grant = { .id = 0 };
	struct grant *g;

	for (;;) {
		mutex_lock(&iomemgrant_grants_lock);
		g = next_grant(grant.id, wanted);
		if (g)
			grant = (struct grant_to_tell) {
				.id = g->id,
				.made = g->made,
				.domid = g->domid,
				.first_ref = g->first_ref,
				.nr_refs = g->nr_refs,
				.changes = g->changes,
			};
		mutex_unlock(&iomemgrant_grants_lock);
		if (!g)
			return;
		if (!act(&grant))
			continue;
		mutex_lock(&iomemgrant_grants_lock);
		g = iomemgrant_grant_find(grant.id);
		if (g)
			done(g, &grant);
		mutex_unlock(&iomemgrant_grants_lock);
	}
}

static void was_told(struct grant *g, const struct grant_to_tell *grant)
{
	g->told = true;
}

/* Ending touches the device, which may be asleep: that is for a work that freezes. */
static void was_withdrawn(struct grant *g, const struct grant_to_tell *grant)
{
	g->withdrawn = true;
	iomemgrant_grant_retry_soon();
}

static bool is_changed(const struct grant *g)
{
	return g->changes != g->told_changes && !g->lost_reason && !g->ending;
}

static void was_told_changes(struct grant *g, const struct grant_to_tell *grant)
{
	g->told_changes = grant->changes;
}

bool iomemgrant_grant_exists(u64 id)
{
	bool exists;

	mutex_lock(&iomemgrant_grants_lock);
	exists = iomemgrant_grant_find(id);
	mutex_unlock(&iomemgrant_grants_lock);
	return exists;
}

void iomemgrant_grant_each_changed(bool (*tell)(const struct grant_to_tell *grant))
{
	each_grant(is_changed, tell, was_told_changes);
}

void iomemgrant_grant_each_lost(bool (*tell)(const struct grant_to_tell *grant))
{
	each_grant(is_to_be_told, tell, was_told);
}

void iomemgrant_grant_each_of_no_use(bool (*withdraw)(const struct grant_to_tell *grant))
{
	each_grant(is_of_no_use, withdraw, was_withdrawn);
}
