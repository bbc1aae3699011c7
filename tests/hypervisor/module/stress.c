// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that fight over one grant, with a fixed seed and a bound.
 *
 * "stress": one thread maps and unmaps; the others add, use and drop page-table entries of the
 * granted frame in slots of their own.  A slot's "held" word is odd exactly while its entry is
 * certainly present: set after the add succeeded, cleared before the drop begins.  So a slot held,
 * with the same word, before and after an unmap that answered okay is proof of a broken promise.
 * While it holds, a thread counts up its own word of the page, which dom0 watches.
 *
 * "race_unmap": two threads on two CPUs unmap one handle at the same moment; one may win.
 */
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include <xen/xen.h>

#include "hvtest.h"

#define MAX_THREADS 4
#define NR_SLOTS 8

struct slot {
	unsigned long va;
	u32 held;
	u32 present;	/* owner thread only */
};

struct worker {
	struct task_struct *task;
	unsigned int nr;
	u64 random;
	struct slot slots[NR_SLOTS];
	u64 adds, refused, drops, writes, faults;
};

static struct {
	bool stop;
	u16 dom;
	u32 ref;
	u64 addr;
	unsigned long until;
	unsigned int nr_workers;
	atomic_t running;
	u64 frame;
	struct task_struct *mapper;
	struct worker workers[MAX_THREADS];
	u64 random;
	u64 maps, map_refused, unmaps, busy, violations;
	s16 odd_status;
} st;

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static bool over(void)
{
	return READ_ONCE(st.stop) || time_after(jiffies, st.until);
}

static void add(struct worker *w, struct slot *s)
{
	if (hvtest_set_va(s->va, READ_ONCE(st.frame) << PAGE_SHIFT | HVTEST_PTE_UC)) {
		w->refused++;
		return;
	}
	s->present = 1;
	w->adds++;
	smp_store_release(&s->held, s->held + 1);
}

static void drop(struct worker *w, struct slot *s)
{
	smp_store_release(&s->held, s->held + 1);
	smp_mb(); /* held is cleared for all before the entry goes */
	hvtest_set_va(s->va, 0);
	s->present = 0;
	w->drops++;
}

static int worker_fn(void *data)
{
	struct worker *w = data;
	unsigned int i;
	u32 count = 0;

	while (!over()) {
		struct slot *s = &w->slots[next_random(&w->random) % NR_SLOTS];

		if (!s->present) {
			add(w, s);
		} else if (next_random(&w->random) & 1) {
			drop(w, s);
		} else if (hvtest_poke(s->va + 4 * w->nr, ++count)) {
			w->faults++;
		} else {
			w->writes++;
		}
		cond_resched();
	}
	for (i = 0; i < NR_SLOTS; i++)
		if (w->slots[i].present)
			drop(w, &w->slots[i]);
	atomic_dec(&st.running);
	return 0;
}

static void note_held(u32 *held)
{
	unsigned int i, j;

	for (i = 0; i < st.nr_workers; i++)
		for (j = 0; j < NR_SLOTS; j++)
			held[i * NR_SLOTS + j] = smp_load_acquire(&st.workers[i].slots[j].held);
}

/* Only the last handle of a frame has to wait for its entries. */
static void unmap_once(u32 handle, bool last)
{
	u32 before[MAX_THREADS * NR_SLOTS], after[MAX_THREADS * NR_SLOTS];
	unsigned int i;
	s16 status;

	for (;;) {
		note_held(before);
		smp_mb(); /* what was held then is compared with what is held after the unmap */
		status = hvtest_unmap(handle, 0, 0);
		smp_mb();
		note_held(after);
		if (status != GNTST_EAGAIN)
			break;
		st.busy++;
		if (over() && !atomic_read(&st.running))
			break;
		cond_resched();
	}
	if (status) {
		st.odd_status = status;
		return;
	}
	st.unmaps++;
	for (i = 0; last && i < st.nr_workers * NR_SLOTS; i++)
		if ((before[i] & 1) && before[i] == after[i])
			st.violations++;
}

static int mapper_fn(void *data)
{
	u32 handles[4];
	unsigned int n, i;
	u64 bus;
	s16 status;

	while (!over()) {
		n = 1 + next_random(&st.random) % ARRAY_SIZE(handles);
		if (st.addr)
			n = 1; /* a hole takes one mapping */
		for (i = 0; i < n; i++) {
			status = hvtest_map(st.dom, st.ref, GNTMAP_IOMEM_MAP, st.addr, &handles[i],
					    &bus);
			if (status) {
				st.map_refused++;
				break;
			}
			st.maps++;
			if (!st.addr)
				WRITE_ONCE(st.frame, bus >> PAGE_SHIFT);
		}
		for (n = next_random(&st.random) % 64; n; n--)
			cpu_relax();
		while (i) {
			i--;
			unmap_once(handles[i], i == 0);
		}
		cond_resched();
	}
	atomic_dec(&st.running);
	return 0;
}

/* stress DOM REF ADDR FRAME SEED MILLISECONDS WORKERS: returns at once */
static int cmd_stress(struct hvtest_reply *r, const struct hvtest_args *a)
{
	unsigned int i, j, cpu;
	u64 seed = a->v[4];

	if (atomic_read(&st.running) || a->v[6] > MAX_THREADS)
		return -EBUSY;
	memset(&st, 0, sizeof(st));
	st.dom = a->v[0];
	st.ref = a->v[1];
	st.addr = a->v[2];
	st.frame = a->v[3];
	st.random = seed * 2654435761u + 1;
	st.until = jiffies + msecs_to_jiffies(a->v[5]);
	st.nr_workers = a->v[6];
	atomic_set(&st.running, 1 + st.nr_workers);
	for (i = 0; i < st.nr_workers; i++) {
		struct worker *w = &st.workers[i];
		unsigned long va = (unsigned long)hvtest_window(NR_SLOTS);

		if (!va)
			return -ENOMEM;
		w->nr = i;
		w->random = seed * 40503 + 77 * i + 1;
		for (j = 0; j < NR_SLOTS; j++) {
			w->slots[j].va = va + j * PAGE_SIZE;
			hvtest_set_va(w->slots[j].va, 0);
		}
	}
	cpu = cpumask_first(cpu_online_mask);
	st.mapper = kthread_create(mapper_fn, NULL, "hvtest-map");
	kthread_bind(st.mapper, cpu);
	wake_up_process(st.mapper);
	for (i = 0; i < st.nr_workers; i++) {
		cpu = cpumask_next(cpu, cpu_online_mask);
		if (cpu >= nr_cpu_ids)
			cpu = cpumask_first(cpu_online_mask);
		st.workers[i].task = kthread_create(worker_fn, &st.workers[i], "hvtest-pte");
		kthread_bind(st.workers[i].task, cpu);
		wake_up_process(st.workers[i].task);
	}
	hvtest_say(r, "rc=0");
	return 0;
}

static int cmd_stress_result(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 adds = 0, refused = 0, drops = 0, writes = 0, faults = 0;
	unsigned int i;

	if (hvtest_arg(a, 0, 0)) {
		WRITE_ONCE(st.stop, true);
		for (i = 0; i < 200 && atomic_read(&st.running); i++)
			msleep(50);
	}
	for (i = 0; i < st.nr_workers; i++) {
		adds += st.workers[i].adds;
		refused += st.workers[i].refused;
		drops += st.workers[i].drops;
		writes += st.workers[i].writes;
		faults += st.workers[i].faults;
	}
	hvtest_say(r, "rc=0 running=%d maps=%llu map_refused=%llu unmaps=%llu busy=%llu odd=%d "
		   "adds=%llu refused=%llu drops=%llu writes=%llu faults=%llu violations=%llu",
		   atomic_read(&st.running), st.maps, st.map_refused, st.unmaps, st.busy,
		   st.odd_status, adds, refused, drops, writes, faults, st.violations);
	return 0;
}

static struct {
	atomic_t gate;
	u32 handle;
	s16 status[2];
	atomic_t done;
	u64 rounds;
} race;

static int racer_fn(void *data)
{
	unsigned long me = (unsigned long)data;
	u64 round;

	for (round = 1; round <= race.rounds; round++) {
		while (atomic_read(&race.gate) != round && !kthread_should_stop())
			cpu_relax();
		race.status[me] = hvtest_unmap(READ_ONCE(race.handle), 0, 0);
		atomic_inc(&race.done);
	}
	return 0;
}

/* race_unmap DOM REF FLAGS ADDR ROUNDS: needs two CPUs */
static int cmd_race_unmap(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 n, bus, one = 0, bad = 0, none = 0, both = 0;
	struct task_struct *other;
	unsigned int cpu;
	u32 handle;
	s16 status = 0;

	if (num_online_cpus() < 2) {
		hvtest_say(r, "rc=%d", -ENODEV);
		return 0;
	}
	atomic_set(&race.gate, 0);
	atomic_set(&race.done, 0);
	race.rounds = a->v[4];
	migrate_disable();
	cpu = smp_processor_id() ? 0 : 1;
	other = kthread_create(racer_fn, (void *)1, "hvtest-race");
	kthread_bind(other, cpu);
	wake_up_process(other);
	for (n = 1; n <= race.rounds; n++) {
		status = hvtest_map(a->v[0], a->v[1], a->v[2], a->v[3], &handle, &bus);
		/* A refused map leaves a handle nobody has: both racers then fail, and it shows. */
		WRITE_ONCE(race.handle, status ? ~0u : handle);
		atomic_set(&race.gate, n);
		race.status[0] = hvtest_unmap(READ_ONCE(race.handle), 0, 0);
		while (atomic_read(&race.done) != n)
			cpu_relax();
		one += !race.status[0] != !race.status[1];
		both += !race.status[0] && !race.status[1];
		none += race.status[0] && race.status[1];
		bad += race.status[0] == GNTST_bad_handle || race.status[1] == GNTST_bad_handle;
	}
	migrate_enable();
	hvtest_say(r, "rc=0 rounds=%llu one=%llu both=%llu none=%llu bad_handle=%llu map=%d", n - 1,
		   one, both, none, bad, status);
	return 0;
}

void hvtest_stress_exit(void)
{
	WRITE_ONCE(st.stop, true);
	while (atomic_read(&st.running))
		msleep(20);
}

const struct hvtest_command hvtest_stress_commands[] = {
	{ "stress", "DOM REF ADDR FRAME SEED MS WORKERS", 7, 7, cmd_stress },
	{ "stress_result", "[STOP]", 0, 1, cmd_stress_result },
	{ "race_unmap", "DOM REF FLAGS ADDR ROUNDS", 5, 5, cmd_race_unmap },
	{ }
};
