// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of /dev/xen/iomemgrant from several threads, for the bench's domains.
 *
 *	iomem-fuzz SEED CALLS grant DOMID SEGMENT BUS DEVFN BAR	in dom0
 *	iomem-fuzz SEED CALLS map FIRST-REF NR			in a guest
 *
 * Half of the calls start from a good argument and have some of it spoilt, the others
 * are noise: commands, sizes, pointers, flags, ids.  In between files are closed and
 * mappings are made, touched, split and taken away under each other's feet.
 *
 * At the end everything is given back.  Prints what was called and exits 0 when the
 * module holds as much as before, 1 otherwise; what the kernel's log says is for the
 * caller to look at.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/iomemgrant.h>

#define PAGE	4096UL
#define THREADS	4
#define FILES	4
#define SPANS	8
/*
 * Where the module may write.  Far from everything else, so that no spoilt bit of an
 * address leads to our own memory, and with nothing behind it, so that neither does a
 * spoilt length.
 */
#define ARENA		((char *)0x100000000000)
#define ARENA_SIZE	(16 * PAGE)
#define ARENA_SPACE	(8UL << 30)

static const unsigned int commands[] = {
	IOMEMGRANT_IOC_INFO, IOMEMGRANT_IOC_LIST, IOMEMGRANT_IOC_GRANT,
	IOMEMGRANT_IOC_END,  IOMEMGRANT_IOC_MAP,  IOMEMGRANT_IOC_UNMAP,
	IOMEMGRANT_IOC_LABEL,
};

static struct iomemgrant_grant good_grant;
static struct iomemgrant_map good_map;
static uint32_t refs[16];
static bool granting;
static unsigned long calls_each;

/* Shared on purpose: threads use each other's files, ids and mappings. */
static _Atomic int files[FILES];
static _Atomic uint64_t ids[16], offsets[16];
static atomic_ulong nr_calls, nr_good, nr_faults;

struct thread {
	pthread_t id;
	uint64_t state;
	struct { char *at; size_t length; } spans[SPANS];
};

static __thread sigjmp_buf *escape;

static void on_fault(int sig)
{
	if (!escape)
		_exit(98);
	siglongjmp(*escape, sig);
}

/* xorshift: the same numbers everywhere for one seed. */
static uint32_t rnd(struct thread *t, uint32_t below)
{
	t->state ^= t->state << 13;
	t->state ^= t->state >> 7;
	t->state ^= t->state << 17;
	return below ? (t->state >> 20) % below : 0;
}

static uint64_t odd_number(struct thread *t)
{
	static const uint64_t edges[] = {
		0, 1, 2, 8, 4095, 4096, 4097, 0x7fef, 0x7ff0, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x100000000, 0x7ffffffff000, 0x8000000000000000, 0xffff888000000000,
		0xfffffffffffff000, UINT64_MAX,
	};

	return rnd(t, 3) ? edges[rnd(t, sizeof(edges) / sizeof(edges[0]))]
			 : (uint64_t)rnd(t, 0x80000000) << rnd(t, 33);
}

static void spoil(struct thread *t, unsigned char *arg, unsigned int size)
{
	unsigned int at = rnd(t, size);
	uint64_t value = odd_number(t);

	switch (rnd(t, 3)) {
	case 0:
		arg[at] ^= 1 << rnd(t, 8);
		break;
	case 1:
		memcpy(arg + (at & ~3U), &value, 4);
		break;
	default:
		at &= ~7U;
		memcpy(arg + at, &value, size - at < 8 ? size - at : 8);
		break;
	}
}

static void remember(struct thread *t, unsigned int command, const void *arg)
{
	unsigned int slot = rnd(t, 16);

	if (command == IOMEMGRANT_IOC_GRANT) {
		ids[slot] = ((const struct iomemgrant_grant *)arg)->id;
	} else if (command == IOMEMGRANT_IOC_MAP) {
		ids[slot] = ((const struct iomemgrant_map *)arg)->id;
		offsets[slot] = ((const struct iomemgrant_map *)arg)->mmap_offset;
	}
}

static void one_ioctl(struct thread *t)
{
	uintptr_t room = (uintptr_t)ARENA + rnd(t, 8) * PAGE;
	union {
		unsigned char bytes[sizeof(struct iomemgrant_grant) + 8];
		struct iomemgrant_grant grant;
		struct iomemgrant_map map;
		struct iomemgrant_end end;
		struct iomemgrant_label label;
		struct iomemgrant_list list;
		uint32_t size;
	} arg;
	unsigned int command = commands[rnd(t, sizeof(commands) / sizeof(commands[0]))];
	unsigned int i, spoils = rnd(t, 2) ? 0 : 1 + rnd(t, 4);
	void *pointer = &arg;

	if (rnd(t, 40) == 0)
		command = odd_number(t);
	memset(&arg, 0, sizeof(arg));
	arg.size = _IOC_SIZE(command);
	switch (command) {
	case IOMEMGRANT_IOC_GRANT:
		/* Making a real one is slow, so it is not half of all. */
		arg.grant = good_grant;
		arg.grant.offset = rnd(t, 8) * PAGE;
		arg.grant.length = (1 + rnd(t, 4)) * PAGE;
		if (granting && !rnd(t, 4))
			arg.grant.refs = rnd(t, 2) ? room : 8;
		arg.grant.nr_refs = 4;
		spoils += rnd(t, 8) != 0;
		break;
	case IOMEMGRANT_IOC_MAP:
		arg.map = good_map;
		break;
	case IOMEMGRANT_IOC_END:
	case IOMEMGRANT_IOC_UNMAP:
		arg.end.id = ids[rnd(t, 16)];
		break;
	case IOMEMGRANT_IOC_LABEL:
		arg.label.id = ids[rnd(t, 16)];
		arg.label.label[0] = "ab-"[rnd(t, 3)];
		break;
	case IOMEMGRANT_IOC_LIST:
		arg.list.nr = rnd(t, 9);
		arg.list.entries = room;
		arg.list.entry_size = sizeof(struct iomemgrant_entry);
		break;
	}
	for (i = 0; i < spoils; i++)
		spoil(t, arg.bytes,
		      arg.size && arg.size < sizeof(arg) ? arg.size + 1 : sizeof(arg));
	/* A grant that outlives its file is ended below; one held by itself never waits. */
	if (rnd(t, 100) == 0)
		pointer = (void *)(uintptr_t)odd_number(t);
	nr_calls++;
	if (ioctl(files[rnd(t, FILES)], command, pointer))
		return;
	nr_good++;
	if (pointer == &arg)
		remember(t, command, &arg);
}

static void touch(const volatile char *at)
{
	sigjmp_buf here;

	escape = &here;
	if (!sigsetjmp(here, 1))
		(void)*at;
	else
		nr_faults++;
	escape = NULL;
}

static void one_mmap(struct thread *t)
{
	unsigned int slot = rnd(t, SPANS);
	size_t length = (1 + rnd(t, 4)) * PAGE;
	uint64_t offset = offsets[rnd(t, 16)];
	char *at;

	if (t->spans[slot].at) {
		/* Sometimes only a part of it. */
		if (t->spans[slot].length > PAGE && rnd(t, 2))
			munmap(t->spans[slot].at + PAGE, PAGE);
		munmap(t->spans[slot].at, t->spans[slot].length);
		t->spans[slot].at = NULL;
	}
	if (rnd(t, 4) == 0)
		offset = (offset + odd_number(t)) & ~(PAGE - 1);
	at = mmap(NULL, length, rnd(t, 8), rnd(t, 8) ? MAP_SHARED : MAP_PRIVATE,
		  files[rnd(t, FILES)], offset);
	nr_calls++;
	if (at == MAP_FAILED)
		return;
	t->spans[slot].at = at;
	t->spans[slot].length = length;
	nr_good++;
}

static void one_use(struct thread *t)
{
	unsigned int slot = rnd(t, SPANS);
	char *at = t->spans[slot].at;

	if (!at)
		return;
	nr_calls++;
	switch (rnd(t, 8)) {
	case 0:
		mprotect(at, PAGE, rnd(t, 8));
		break;
	case 1:
		madvise(at, PAGE, rnd(t, 30));
		break;
	case 2:
		mremap(at, t->spans[slot].length, (1 + rnd(t, 4)) * PAGE, 0);
		break;
	default:
		touch(at + rnd(t, t->spans[slot].length));
		break;
	}
}

static int open_file(void)
{
	int fd = open(IOMEMGRANT_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror(IOMEMGRANT_DEVICE);
		exit(99);
	}
	return fd;
}

/* Two threads may close the same number, and one of them what a third has just opened. */
static void one_reopen(struct thread *t)
{
	int slot = rnd(t, FILES), fd = open_file();

	nr_calls++;
	dup2(fd, files[slot]);
	close(fd);
}

static void *run(void *arg)
{
	struct thread *t = arg;
	unsigned long i;

	for (i = 0; i < calls_each; i++) {
		uint32_t what = rnd(t, 100);

		if (what < 70)
			one_ioctl(t);
		else if (what < 80)
			one_mmap(t);
		else if (what < 98)
			one_use(t);
		else
			one_reopen(t);
	}
	for (i = 0; i < SPANS; i++)
		if (t->spans[i].at)
			munmap(t->spans[i].at, t->spans[i].length);
	return NULL;
}

static struct iomemgrant_info info(void)
{
	struct iomemgrant_info now = { .size = sizeof(now) };
	int fd = open_file();

	if (ioctl(fd, IOMEMGRANT_IOC_INFO, &now)) {
		perror("INFO");
		exit(99);
	}
	close(fd);
	return now;
}

/* What was made to outlive its file. */
static void end_all(void)
{
	static struct iomemgrant_entry entries[256];
	struct iomemgrant_list list = {
		.size = sizeof(list),
		.nr = 256,
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(entries[0]),
	};
	int fd = open_file();

	do {
		list.nr = 256;
		if (ioctl(fd, IOMEMGRANT_IOC_LIST, &list))
			break;
		for (uint32_t i = 0; i < list.nr && i < 256; i++) {
			struct iomemgrant_end end = { .size = sizeof(end), .id = entries[i].id };

			ioctl(fd, IOMEMGRANT_IOC_END, &end);
		}
	} while (list.nr > 256);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct thread threads[THREADS];
	struct iomemgrant_info before, after;
	uint64_t seed;
	int i;

	granting = argc == 9 && !strcmp(argv[3], "grant");
	if (!granting && !(argc == 6 && !strcmp(argv[3], "map"))) {
		fprintf(stderr, "usage: the head of iomem-fuzz.c has it\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 0);
	calls_each = strtoul(argv[2], NULL, 0) / THREADS;
	good_grant.size = sizeof(good_grant);
	if (granting) {
		good_grant.domid = atoi(argv[4]);
		good_grant.segment = strtoul(argv[5], NULL, 16);
		good_grant.bus = strtoul(argv[6], NULL, 16);
		good_grant.devfn = strtoul(argv[7], NULL, 16);
		good_grant.bar = atoi(argv[8]);
	} else {
		good_map.size = sizeof(good_map);
		good_map.nr_refs = atoi(argv[5]) < 16 ? atoi(argv[5]) : 16;
		good_map.refs = (uintptr_t)refs;
		for (i = 0; i < (int)good_map.nr_refs; i++)
			refs[i] = atoi(argv[4]) + i;
	}
	if (mmap(ARENA, ARENA_SPACE, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
		 0) != ARENA ||
	    mprotect(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE)) {
		perror("arena");
		return 99;
	}
	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	before = info();
	for (i = 0; i < FILES; i++)
		files[i] = open_file();
	for (i = 0; i < THREADS; i++) {
		threads[i].state = seed * 0x9e3779b97f4a7c15ULL + i + 1;
		if (pthread_create(&threads[i].id, NULL, run, &threads[i]))
			return 99;
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i].id, NULL);
	for (i = 0; i < FILES; i++)
		close(files[i]);
	end_all();
	after = info();
	printf("%lu calls, %lu succeeded, %lu faults; grants %u -> %u, references %u -> %u\n",
	       (unsigned long)nr_calls, (unsigned long)nr_good, (unsigned long)nr_faults,
	       before.nr_grants, after.nr_grants, before.nr_refs, after.nr_refs);
	return before.nr_grants != after.nr_grants || before.nr_refs != after.nr_refs;
}
