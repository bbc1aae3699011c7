// SPDX-License-Identifier: GPL-2.0-or-later
/* What programs can do without Xen: memory, page tables as they are, arithmetic. */
#include <asm/io.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <asm/xen/page.h>
#include <xen/xen.h>

#include "hostile.h"

atomic64_t counters[COUNTERS];

int try_store(u64 va, unsigned int size, u64 value)
{
	void *to = (void *)(unsigned long)va;
	u32 v32 = value;
	u8 v8 = value;

	pagefault_disable();
	switch (size) {
	case 1:
		__put_kernel_nofault(to, &v8, u8, fault);
		break;
	case 4:
		__put_kernel_nofault(to, &v32, u32, fault);
		break;
	default:
		__put_kernel_nofault(to, &value, u64, fault);
	}
	pagefault_enable();
	return 0;
fault:
	pagefault_enable();
	return -EFAULT;
}

int try_load(u64 va, unsigned int size, u64 *value)
{
	void *from = (void *)(unsigned long)va;
	u32 v32;
	u8 v8;

	*value = 0;
	pagefault_disable();
	switch (size) {
	case 1:
		__get_kernel_nofault(&v8, from, u8, fault);
		*value = v8;
		break;
	case 4:
		__get_kernel_nofault(&v32, from, u32, fault);
		*value = v32;
		break;
	default:
		__get_kernel_nofault(value, from, u64, fault);
	}
	pagefault_enable();
	return 0;
fault:
	pagefault_enable();
	return -EFAULT;
}

u64 machine_address(void *p)
{
	return xen_pv_domain() ? arbitrary_virt_to_machine(p).maddr : virt_to_phys(p);
}

static void op_set(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = arg[0];
}

static void op_rd(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = try_load(arg[1], arg[0], &out[1]);
}

static void op_wr(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = try_store(arg[1], arg[0], arg[2]);
}

/* Of the caller's choice: only for addresses known to be mapped. */
static void op_cas(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = cmpxchg((u16 *)(unsigned long)arg[0], (u16)arg[1], (u16)arg[2]);
}

static void op_cas8(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = cmpxchg((u64 *)(unsigned long)arg[0], arg[1], arg[2]);
}

static void op_alloc(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	void *page = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, arg[0]);

	out[0] = (unsigned long)page;
	out[1] = page ? machine_address(page) : 0;
	out[2] = page ? virt_to_phys(page) : 0;
}

/* Kernel addresses, mapped by page tables that hold nothing else; never freed. */
static void op_slot(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = (unsigned long)vzalloc(arg[0] << PAGE_SHIFT);
}

/* A page of the reading process, populated. */
static void op_user(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, 0);
}

/* The entry for an address on a level: where it is, what it holds, how we reach it. */
static void op_pte(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	pgd_t *pgd = pgd_offset_pgd(current->active_mm->pgd, arg[0]);
	p4d_t *p4d = p4d_offset(pgd, arg[0]);
	void *entry = p4d;
	pud_t *pud;
	pmd_t *pmd;

	if (arg[1] < 4) {
		if (!p4d_present(*p4d))
			return;
		entry = pud = pud_offset(p4d, arg[0]);
		if (arg[1] < 3) {
			if (!pud_present(*pud) || pud_leaf(*pud))
				return;
			entry = pmd = pmd_offset(pud, arg[0]);
			if (arg[1] < 2) {
				if (!pmd_present(*pmd) || pmd_leaf(*pmd))
					return;
				entry = pte_offset_kernel(pmd, arg[0]);
			}
		}
	}
	out[0] = machine_address(entry);
	out[1] = READ_ONCE(*(u64 *)entry);
	out[2] = (unsigned long)entry;
}

static void op_ioremap(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = (unsigned long)ioremap(arg[0], arg[1]);
}

static void op_inv(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	asm volatile("invlpg (%0)" ::"r"((unsigned long)arg[0]) : "memory");
}

static void op_cpu(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = set_cpus_allowed_ptr(current, cpumask_of(arg[0]));
}

static void op_udelay(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	while (arg[0] > 100) {
		udelay(100);
		arg[0] -= 100;
	}
	udelay(arg[0]);
}

static void op_usleep(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	usleep_range(arg[0], arg[0] + 50);
}

/* Skip the next lines unless the first argument is zero. */
static void op_unless(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	if (arg[0])
		p->skip = arg[1];
}

static void op_eq(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = arg[0] == arg[1];
}

static void op_and(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = arg[0] & arg[1];
}

static void op_add(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	atomic64_add(arg[1], &counters[arg[0] % COUNTERS]);
}

static void op_count(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = atomic64_read(&counters[arg[0] % COUNTERS]);
}

static void op_zero(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	unsigned int n;

	for (n = 0; n < COUNTERS; n++)
		atomic64_set(&counters[n], 0);
}

static void op_random(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	out[0] = next_random(&p->random) % (arg[0] ?: 1);
}

static void op_fill(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	size_t n = l->data ? strlen(l->data) / 2 : 0;

	out[0] = n ? hex2bin((u8 *)(unsigned long)arg[0], l->data, n) : -EINVAL;
}

static void op_stop(struct program *p, struct line *l, u64 *arg, u64 *out)
{
	threads_stop();
}

const struct op basic_ops[] = {{"set", 1, false, op_set}, {"rd", 2, false, op_rd},
	{"wr", 1, false, op_wr}, {"cas", 1, false, op_cas}, {"cas8", 1, false, op_cas8},
	{"alloc", 3, false, op_alloc}, {"slot", 1, false, op_slot}, {"user", 1, false, op_user},
	{"pte", 3, false, op_pte}, {"ioremap", 1, false, op_ioremap}, {"inv", 0, false, op_inv},
	{"cpu", 1, false, op_cpu}, {"udelay", 0, false, op_udelay}, {"usleep", 0, false, op_usleep},
	{"unless", 0, false, op_unless}, {"eq", 1, false, op_eq}, {"and", 1, false, op_and},
	{"add", 0, false, op_add}, {"count", 1, false, op_count}, {"zero", 0, false, op_zero},
	{"random", 1, false, op_random}, {"fill", 1, true, op_fill}, {"stop", 0, false, op_stop},
	{}};
