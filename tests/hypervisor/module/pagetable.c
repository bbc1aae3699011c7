// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way a PV guest has of making, changing and dropping a page-table entry:
 * HYPERVISOR_update_va_mapping ("va"), HYPERVISOR_mmu_update ("mmu"), a trapped direct write to a
 * page table ("l1_write"), and entries that become live when a page is pinned as a page table
 * ("l1_fill" and "l1_pin"), hooked into an address space or not.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "hvtest.h"

#define MAX_L1 32

static u64 *l1s[MAX_L1];	/* page-table pages made by "l1" */

int hvtest_set_va(unsigned long va, u64 pte)
{
	if (!xen_pv_domain())
		return -EOPNOTSUPP;
	return HYPERVISOR_update_va_mapping(va, native_make_pte(pte), UVMF_INVLPG | UVMF_ALL);
}

static int mmu_update(u64 ptr, u64 val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };
	int done = 0;

	if (!xen_pv_domain())
		return -EOPNOTSUPP;
	return HYPERVISOR_mmu_update(&u, 1, &done, DOMID_SELF);
}

/*
 * va VA FRAME [FLAGS]: FLAGS default to those of an uncached mapping; FRAME and FLAGS both 0 clear
 * the entry, which also flushes it.
 */
static int cmd_va(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 flags = hvtest_arg(a, 2, HVTEST_PTE_UC);

	hvtest_say(r, "rc=%d", hvtest_set_va(a->v[0], a->v[1] << PAGE_SHIFT | flags));
	return 0;
}

static pte_t *pte_of(unsigned long va)
{
	unsigned int level;
	pte_t *pte = lookup_address(va, &level);

	return pte && level == PG_LEVEL_4K ? pte : NULL;
}

/* pte VA: the entry as Xen left it, and its machine address for "mmu" */
static int cmd_pte(struct hvtest_reply *r, const struct hvtest_args *a)
{
	pte_t *pte = pte_of(a->v[0]);

	if (!pte)
		hvtest_say(r, "rc=%d", -EFAULT);
	else
		hvtest_say(r, "rc=0 pte=0x%lx maddr=0x%llx", native_pte_val(*pte),
			   (u64)virt_to_machine(pte).maddr);
	return 0;
}

static int cmd_mmu(struct hvtest_reply *r, const struct hvtest_args *a)
{
	hvtest_say(r, "rc=%d", mmu_update(a->v[0], a->v[1]));
	return 0;
}

static u64 *l1_of(const struct hvtest_args *a)
{
	return a->v[0] < MAX_L1 ? l1s[a->v[0]] : NULL;
}

static int set_readonly(u64 *page, bool readonly)
{
	return hvtest_set_va((unsigned long)page,
			     (u64)virt_to_mfn(page) << PAGE_SHIFT |
			     (readonly ? __PAGE_KERNEL_RO : __PAGE_KERNEL));
}

static int pin(u64 *page, unsigned int cmd)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = virt_to_mfn(page) };

	return HYPERVISOR_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static int cmd_l1(struct hvtest_reply *r, const struct hvtest_args *a)
{
	int i, rc = -ENOSPC;

	for (i = 0; i < MAX_L1 && l1s[i]; i++)
		;
	if (!xen_pv_domain())
		rc = -EOPNOTSUPP;
	else if (i < MAX_L1) {
		l1s[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
		rc = l1s[i] ? 0 : -ENOMEM;
	}
	hvtest_say(r, "rc=%d l1=%d maddr=0x%llx", rc, i,
		   rc ? 0ULL : (u64)virt_to_machine(l1s[i]).maddr);
	return 0;
}

/* l1_fill L1 INDEX COUNT FRAME [FLAGS]: plain stores, before the page is a page table */
static int cmd_l1_fill(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 flags = hvtest_arg(a, 4, HVTEST_PTE_UC), *l1 = l1_of(a), i;

	if (!l1 || a->v[1] + a->v[2] > 512)
		return -EINVAL;
	for (i = 0; i < a->v[2]; i++)
		l1[a->v[1] + i] = a->v[3] << PAGE_SHIFT | flags;
	hvtest_say(r, "rc=0");
	return 0;
}

static int cmd_l1_pin(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 *l1 = l1_of(a);
	int rc;

	if (!l1)
		return -EINVAL;
	rc = set_readonly(l1, true);
	if (!rc) {
		rc = pin(l1, MMUEXT_PIN_L1_TABLE);
		if (rc)
			set_readonly(l1, false);
	}
	hvtest_say(r, "rc=%d", rc);
	return 0;
}

static int cmd_l1_unpin(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 *l1 = l1_of(a);
	int rc;

	if (!l1)
		return -EINVAL;
	rc = pin(l1, MMUEXT_UNPIN_TABLE);
	if (!rc)
		rc = set_readonly(l1, false);
	if (!rc) {
		free_page((unsigned long)l1);
		l1s[a->v[0]] = NULL;
	}
	hvtest_say(r, "rc=%d", rc);
	return 0;
}

/* l1_write L1 INDEX VALUE: a plain store to a pinned page table, which Xen traps and emulates */
static int cmd_l1_write(struct hvtest_reply *r, const struct hvtest_args *a)
{
	u64 *l1 = l1_of(a), value = a->v[2];
	int rc = 0;

	if (!l1 || a->v[1] >= 512)
		return -EINVAL;
	pagefault_disable();
	__put_kernel_nofault(&l1[a->v[1]], &value, u64, fault);
	goto out;
fault:
	rc = -EFAULT;
out:
	pagefault_enable();
	hvtest_say(r, "rc=%d now=0x%llx", rc, READ_ONCE(l1[a->v[1]]));
	return 0;
}

const struct hvtest_command hvtest_pagetable_commands[] = {
	{ "va", "VA FRAME [FLAGS]", 2, 3, cmd_va },
	{ "pte", "VA", 1, 1, cmd_pte },
	{ "mmu", "MADDR VALUE", 2, 2, cmd_mmu },
	{ "l1", "", 0, 0, cmd_l1 },
	{ "l1_fill", "L1 INDEX COUNT FRAME [FLAGS]", 4, 5, cmd_l1_fill },
	{ "l1_pin", "L1", 1, 1, cmd_l1_pin },
	{ "l1_unpin", "L1", 1, 1, cmd_l1_unpin },
	{ "l1_write", "L1 INDEX VALUE", 3, 3, cmd_l1_write },
	{ }
};
