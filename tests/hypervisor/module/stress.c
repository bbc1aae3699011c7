// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that fight over one grant, with a fixed seed and a bound.
 *
 * "stress": one thread maps and unmaps; the others add, use and drop page-table entries of the
 * granted frame in slots of their own, and have none for a moment now and then.  A slot's "held" word is odd exactly while its entry is
 * certainly present: set after the add succeeded, cleared before the drop begins.  So a slot held,
 * with the same word, before and after an unmap that answered okay is proof of a broken promise.
 * While it holds, a thread counts up its own word of the page, which dom0 watches.
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

static void drop_all(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < NR_SLOTS; i++)
		if (w->slots[i].present)
			drop(w, &w->slots[i]);
}

static int worker_fn(void *data)
{
	struct worker *w = data;
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
		/* Without such moments the last unmap would hardly ever succeed. */
		if (next_random(&w->random) % 64 == 0) {
			drop_all(w);
			usleep_range(100, 3000);
		}
		cond_resched();
	}
	drop_all(w);
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
		/* Now and then nobody has the grant for a while, and dom0 may get to end it. */
		if (next_random(&st.random) & 1)
			usleep_range(200, 2000);
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

void hvtest_stress_exit(void)
{
	WRITE_ONCE(st.stop, true);
	while (atomic_read(&st.running))
		msleep(20);
}

const struct hvtest_command hvtest_stress_commands[] = {
	{ "stress", "DOM REF ADDR FRAME SEED MS WORKERS", 7, 7, cmd_stress },
	{ "stress_result", "[STOP]", 0, 1, cmd_stress_result },
	{ }
};
