// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two CPUs doing one thing each at the same moment, round after round.
 *
 *   race_unmap   both unmap one handle: one may win
 *   race_map     both map one reference, at one address where there are addresses
 *   race_reuse   one unmaps what is at an address while the other maps something else there
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "hvtest.h"

struct side {
	u32 handle;
	s16 status;
};

static struct {
	atomic_t gate, done;
	u64 rounds;
	void (*other)(struct side *side);
	struct side side[2];
	u16 dom;
	u32 ref, flags;
	u64 addr;
} race;

static void do_unmap(struct side *s)
{
	s->status = hvtest_unmap(READ_ONCE(s->handle), 0, 0);
}

static void do_map(struct side *s)
{
	u64 bus;

	s->status = hvtest_map(race.dom, READ_ONCE(race.ref), race.flags, race.addr, &s->handle,
			       &bus);
}

static int other_fn(void *unused)
{
	u64 round;

	for (round = 1; round <= race.rounds; round++) {
		while (atomic_read(&race.gate) != round && !kthread_should_stop())
			cpu_relax();
		race.other(&race.side[1]);
		atomic_inc(&race.done);
	}
	return 0;
}

static int start(struct hvtest_reply *r, const struct hvtest_args *a, u64 rounds,
		 void (*other)(struct side *side))
{
	struct task_struct *task;

	if (num_online_cpus() < 2) {
		hvtest_say(r, "rc=%d", -ENODEV);
		return -ENODEV;
	}
	atomic_set(&race.gate, 0);
	atomic_set(&race.done, 0);
	race.rounds = rounds;
	race.other = other;
	race.dom = a->v[0];
	race.ref = a->v[1];
	race.flags = a->v[2];
	race.addr = a->v[3];
	migrate_disable();
	task = kthread_create(other_fn, NULL, "hvtest-race");
	if (IS_ERR(task)) {
		migrate_enable();
		return PTR_ERR(task);
	}
	kthread_bind(task, smp_processor_id() ? 0 : 1);
	wake_up_process(task);
	return 0;
}

/* Let the other side go, do @mine at the same time, and wait for both. */
static void round_of(u64 n, void (*mine)(struct side *side))
{
	atomic_set(&race.gate, n);
	mine(&race.side[0]);
	while (atomic_read(&race.done) != n)
		cpu_relax();
	cond_resched();
}

/* race_unmap DOM REF FLAGS ADDR ROUNDS */
static int cmd_race_unmap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 n, one = 0, bad = 0, none = 0, both = 0;
	struct side mapped;

	if (start(r, a, a->v[4], do_unmap))
		return 0;
	for (n = 1; n <= race.rounds; n++) {
		do_map(&mapped);
		/* A refused map leaves a handle nobody has: both then fail, and it shows. */
		if (mapped.status)
			mapped.handle = ~0u;
		race.side[0].handle = race.side[1].handle = mapped.handle;
		round_of(n, do_unmap);
		one += !race.side[0].status != !race.side[1].status;
		both += !race.side[0].status && !race.side[1].status;
		none += race.side[0].status && race.side[1].status;
		bad += race.side[0].status == GNTST_bad_handle ||
		       race.side[1].status == GNTST_bad_handle;
	}
	migrate_enable();
	hvtest_say(r, "rc=0 one=%llu both=%llu none=%llu bad_handle=%llu map=%d", one, both, none,
		   bad, mapped.status);
	return 0;
}

/* race_map DOM REF FLAGS ADDR ROUNDS: "bad" counts refusals, each of which must be bad_virt_addr */
static int cmd_race_map(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 n, i, won, one = 0, both = 0, none = 0, bad = 0, stuck = 0;

	if (start(r, a, a->v[4], do_map))
		return 0;
	for (n = 1; n <= race.rounds; n++) {
		round_of(n, do_map);
		for (won = i = 0; i < 2; i++) {
			if (race.side[i].status) {
				bad += race.side[i].status == GNTST_bad_virt_addr;
				continue;
			}
			won++;
			stuck += hvtest_unmap(race.side[i].handle, 0, 0) != GNTST_okay;
		}
		one += won == 1;
		both += won == 2;
		none += !won;
	}
	migrate_enable();
	hvtest_say(r, "rc=0 one=%llu both=%llu none=%llu bad_virt=%llu stuck=%llu", one, both, none,
		   bad, stuck);
	return 0;
}

/*
 * race_reuse DOM REF2 FLAGS ADDR ROUNDS REF1 VA VALUE2: REF1 is at ADDR and goes while REF2 comes,
 * or is refused.  Where it came, VA, which leads to ADDR, must read VALUE2.
 */
static int cmd_race_reuse(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 n, bus, came = 0, refused = 0, wrong = 0, stuck = 0;
	u32 value;

	if (start(r, a, a->v[4], do_map))
		return 0;
	for (n = 1; n <= race.rounds; n++) {
		if (hvtest_map(race.dom, a->v[5], race.flags, race.addr, &race.side[0].handle,
			       &bus))
			stuck++;
		round_of(n, do_unmap);
		stuck += race.side[0].status != GNTST_okay;
		if (race.side[1].status == GNTST_bad_virt_addr) {
			refused++;
		} else if (race.side[1].status) {
			wrong++;
		} else {
			came++;
			wrong += hvtest_peek(a->v[6], &value) || value != a->v[7];
			stuck += hvtest_unmap(race.side[1].handle, 0, 0) != GNTST_okay;
		}
	}
	migrate_enable();
	hvtest_say(r, "rc=0 came=%llu refused=%llu wrong=%llu stuck=%llu", came, refused, wrong,
		   stuck);
	return 0;
}

const struct hvtest_command hvtest_race_commands[] = {
	{ "race_unmap", "DOM REF FLAGS ADDR ROUNDS", 5, 5, cmd_race_unmap },
	{ "race_map", "DOM REF FLAGS ADDR ROUNDS", 5, 5, cmd_race_map },
	{ "race_reuse", "DOM REF2 FLAGS ADDR ROUNDS REF1 VA VALUE2", 8, 8, cmd_race_reuse },
	{ }
};
