/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the files of the test-only module iomem_hvtest: the reply a command writes, and the
 * command functions of each file.
 *
 * The module exists to issue hypercalls exactly as told, with no checks of its own.  Root can bring
 * the machine down through it.  It is never installed.
 */
#ifndef IOMEM_HVTEST_H
#define IOMEM_HVTEST_H

#include <linux/pgtable.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include <xen/interface/xen.h>
#include <xen/interface/grant_table.h>

#define HVTEST_REPLY_SIZE	16384
#define HVTEST_MAX_WORDS	20

/* Names this suite needs that Linux 6.1's copy of the public header lacks. */
#define GNTST_EAGAIN		(-12)
#define GNTMAP_IOMEM_MAP	(1u << 5)

struct hvtest_reply {
	size_t len;
	char text[HVTEST_REPLY_SIZE];
};

/* The words of one command line as numbers; a word that is no number is an error for all commands. */
struct hvtest_args {
	int nr;
	u64 v[HVTEST_MAX_WORDS];
};

typedef int (*hvtest_fn)(struct hvtest_reply *r, const struct hvtest_args *a);

struct hvtest_command {
	const char *name;
	const char *usage;
	int min_args;
	int max_args;
	hvtest_fn run;
};

extern const struct hvtest_command hvtest_granter_commands[];
extern const struct hvtest_command hvtest_mapper_commands[];
extern const struct hvtest_command hvtest_memory_commands[];
extern const struct hvtest_command hvtest_pagetable_commands[];
extern const struct hvtest_command hvtest_stress_commands[];
extern const struct hvtest_command hvtest_race_commands[];

__printf(2, 3) void hvtest_say(struct hvtest_reply *r, const char *fmt, ...);

/* command.c: argument @i, or @other when the line was shorter */
u64 hvtest_arg(const struct hvtest_args *a, int i, u64 other);

/* memory.c */
void *hvtest_window(unsigned int nr_pages);
int hvtest_peek(unsigned long va, u32 *value);
int hvtest_poke(unsigned long va, u32 value);
struct vm_area_struct;
int hvtest_mmap_frames(struct vm_area_struct *vma);
void hvtest_memory_exit(void);

/* pagetable.c: 0 or a negative errno of the hypercall */
int hvtest_set_va(unsigned long va, u64 pte);

/* mapper.c */
s16 hvtest_map(u16 dom, u32 ref, u32 flags, u64 addr, u32 *handle, u64 *bus);
s16 hvtest_unmap(u32 handle, u64 addr, u64 bus);

void hvtest_stress_exit(void);

/* A NOP bench/count_insns.c notes the passing of. */
#define MARK(n)	asm volatile (".byte 0x0f, 0x1f, 0x80, " #n ", 'M', 'A', 'R'" ::: "memory")

/* Flags of a kernel PTE over device memory: present, writable, accessed, dirty, uncached, no-execute. */
#define HVTEST_PTE_UC \
	(_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_PCD | _PAGE_PWT | _PAGE_NX)

#endif
