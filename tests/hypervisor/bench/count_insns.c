// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU TCG plugin: counts instructions, into a file others can read meanwhile.
 *   -plugin count_insns.so,out=PATH[,insns=on]
 *
 * The file is an array of 64-bit little-endian words, see struct counts: executions of WBINVD and
 * WBNOINVD; with insns=on also, whenever a CPU executes MARK (a NOP with a number in it, from any
 * privilege level), how many instructions this CPU had executed by then, those in Xen's part of the
 * address space apart from the others.  An instruction that faults counts.
 *
 * The declarations below are QEMU's plugin API, version 1, of which Debian ships no header.
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
typedef void (*exec_cb)(unsigned int vcpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*cb)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t idx);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op, void *ptr, uint64_t imm);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_cb cb,
					    enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb,
					  enum qemu_plugin_cb_flags flags, void *data);

int qemu_plugin_version = 1;

#define MAX_CPUS 8
#define MAX_MARKS 1024

struct counts {
	uint64_t wbinvd;
	uint64_t nr_marks;
	struct {
		uint64_t number, cpu, xen, other;
	} marks[MAX_MARKS];	/* the last ones, as a ring */
};

/* Xen's text, data and direct map: nobody else executes there. */
#define XEN_START 0xffff82d000000000ull
#define XEN_END 0xffff830000000000ull

static struct counts *counts;
static struct {
	uint64_t xen, other;
} executed[MAX_CPUS];
static int count_all;

static void on_xen_block(unsigned int cpu, void *insns)
{
	executed[cpu % MAX_CPUS].xen += (uintptr_t)insns;
}

static void on_other_block(unsigned int cpu, void *insns)
{
	executed[cpu % MAX_CPUS].other += (uintptr_t)insns;
}

static void on_mark(unsigned int cpu, void *number)
{
	uint64_t i = counts->nr_marks % MAX_MARKS;

	counts->marks[i].number = (uintptr_t)number;
	counts->marks[i].cpu = cpu;
	counts->marks[i].xen = executed[cpu % MAX_CPUS].xen;
	counts->marks[i].other = executed[cpu % MAX_CPUS].other;
	counts->nr_marks++;
}

/* nopl disp32(%rax) whose four bytes are N and "MAR": MARK() of hvt.c and hvtest.h */
static int is_mark(const uint8_t *d, size_t size)
{
	return size == 7 && d[0] == 0x0f && d[1] == 0x1f && d[2] == 0x80 && !memcmp(d + 4, "MAR", 3);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t va = qemu_plugin_tb_vaddr(tb);
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const uint8_t *d = qemu_plugin_insn_data(insn);
		size_t size = qemu_plugin_insn_size(insn);

		if (count_all && is_mark(d, size))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)d[3]);
		if (size && *d == 0xf3) { /* WBNOINVD is WBINVD with a prefix */
			d++;
			size--;
		}
		if (size == 2 && d[0] == 0x0f && d[1] == 0x09)
			qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
								   &counts->wbinvd, 1);
	}
	if (count_all)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, va >= XEN_START && va < XEN_END ?
						     on_xen_block : on_other_block,
						     QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)n);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
	const char *file = NULL;
	int i, fd;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			file = argv[i] + 4;
		else if (!strcmp(argv[i], "insns=on"))
			count_all = 1;
		else
			return -1;
	}
	fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0 || ftruncate(fd, sizeof(*counts)))
		return -1;
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (counts == MAP_FAILED)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	return 0;
}
