// SPDX-License-Identifier: GPL-2.0-only
/* The mapping half, in a guest. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ktest.h"

#define PAGE 4096ULL

static sigjmp_buf fault;

static void on_fault(int sig)
{
	siglongjmp(fault, sig);
}

/* 0, or the signal that reading @p raised. */
static int touch(const volatile uint32_t *p, uint32_t *value)
{
	int sig;

	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	sig = sigsetjmp(fault, 1);
	if (!sig)
		*value = *p;
	return sig;
}

/* The rules of a mapping that ordinary memory does not have. */
static void vma_rules(int fd, uint64_t at, uint64_t length, volatile uint32_t *p)
{
	uint32_t value = 0;
	struct iovec local = { &value, 4 }, remote = { (void *)p, 4 };
	int status, ends[2], mem;
	void *other;
	pid_t child;

	other = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, at);
	CHECK_ERRNO("private mmap", other == MAP_FAILED ? errno : 0, EINVAL);
	other = mmap(NULL, length, PROT_READ | PROT_EXEC, MAP_SHARED, fd, at);
	CHECK_ERRNO("executable mmap", other == MAP_FAILED ? errno : 0, EPERM);
	other = mmap(NULL, length + PAGE, PROT_READ, MAP_SHARED, fd, at);
	CHECK_ERRNO("mmap past the end", other == MAP_FAILED ? errno : 0, EINVAL);
	CHECK_ERRNO("mprotect", mprotect((void *)p, PAGE, PROT_READ) ? errno : 0, EPERM);
	other = mremap((void *)p, length, length + PAGE, MREMAP_MAYMOVE);
	CHECK("mremap larger", other == MAP_FAILED);
	other = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	other = mremap((void *)p, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, other);
	CHECK_ERRNO("mremap elsewhere", other == MAP_FAILED ? errno : 0, EINVAL);
	CHECK("still there after all that", touch(p, &value) == 0);
	CHECK_ERRNO("madvise dofork",
		    madvise((void *)p, PAGE, MADV_DOFORK) ? errno : 0, EINVAL);
	child = fork();
	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		value = *p;
		_exit(0);
	}
	waitpid(child, &status, 0);
	CHECK("a child has no mapping", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	CHECK("process_vm_readv",
	      process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == -1 && errno == EFAULT);
	/* The way of O_DIRECT, which no file system of the bench has: pages of a user's buffer. */
	if (pipe(ends))
		return;
	CHECK("vmsplice", vmsplice(ends[1], &remote, 1, 0) == -1 && errno == EFAULT);
	close(ends[0]);
	close(ends[1]);
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	CHECK("/proc/self/mem", pread(mem, &value, 4, (uintptr_t)p) < 0);
	close(mem);
}

static void read_all(const char *path)
{
	char buffer[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && read(fd, buffer, sizeof(buffer)) > 0)
		;
	close(fd);
}

/*
 * Entries made after the soft-dirty bits were cleared must be as good as those before:
 * a write to them must not fault for ever, nor end as a wrong entry.
 */
static void soft_dirty(int fd, uint64_t at)
{
	volatile uint32_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
	int clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	uint32_t value = 0;

	if (p == MAP_FAILED || clear < 0 || write(clear, "4", 1) != 1) {
		SKIP("soft-dirty", "no /proc/self/clear_refs here");
		close(clear);
		return;
	}
	alarm(20);		/* a fault that repeats for ever ends the test */
	CHECK("read after clear_refs", touch(p, &value) == 0);
	p[1] = 0x12345678;
	CHECK("write after clear_refs", p[1] == 0x12345678 || p[1] == (uint32_t)~0x12345678);
	CHECK("clear_refs again", write(clear, "4", 1) == 1);
	p[1] = 0x55aa55aa;
	CHECK("write after that", p[1] == 0x55aa55aa || p[1] == (uint32_t)~0x55aa55aa);
	read_all("/proc/self/smaps");
	read_all("/proc/self/numa_maps");
	CHECK("madvise dontneed", madvise((void *)p, PAGE, MADV_DONTNEED) && errno == EINVAL);
	CHECK("mlock leaves it alone", mlock((void *)p, PAGE) == 0 && touch(p, &value) == 0);
	alarm(0);
	close(clear);
	munmap((void *)p, PAGE);
}

static int map_refs(int fd, struct iomemgrant_map *m, uint32_t first, uint32_t nr)
{
	static uint32_t refs[1024];
	uint32_t i;

	for (i = 0; i < nr && i < 1024; i++)
		refs[i] = first + i;
	memset(m, 0, sizeof(*m));
	m->size = sizeof(*m);
	m->nr_refs = nr;
	m->refs = (uintptr_t)refs;
	return call(fd, IOMEMGRANT_IOC_MAP, m);
}

static int unmap(int fd, uint64_t id)
{
	struct iomemgrant_end e = { .size = sizeof(e), .id = id };

	return call(fd, IOMEMGRANT_IOC_UNMAP, &e);
}

static void bad_maps(int fd, uint32_t first)
{
	struct iomemgrant_map m;
	uint32_t none = 0;

	memset(&m, 0, sizeof(m));
	m.size = sizeof(m);
	CHECK_ERRNO("map nothing", call(fd, IOMEMGRANT_IOC_MAP, &m), EINVAL);
	m.nr_refs = 1;
	CHECK_ERRNO("map from a bad address", call(fd, IOMEMGRANT_IOC_MAP, &m), EFAULT);
	m.refs = (uintptr_t)&first;
	m.flags = 1U << 31;
	CHECK_ERRNO("map with an unknown flag", call(fd, IOMEMGRANT_IOC_MAP, &m), EINVAL);
	m.flags = 0;
	m.domid = 0x7fe0;
	CHECK_ERRNO("map from no domain", call(fd, IOMEMGRANT_IOC_MAP, &m), ESRCH);
	m.domid = 0;
	m.nr_refs = 1U << 30;
	CHECK_ERRNO("map too much", call(fd, IOMEMGRANT_IOC_MAP, &m), EFBIG);
	m.nr_refs = 1;
	none = 30000;
	m.refs = (uintptr_t)&none;
	CHECK("map a reference that is not granted", call(fd, IOMEMGRANT_IOC_MAP, &m) != 0);
	CHECK_ERRNO("unmap nothing", unmap(fd, 12345), ENOENT);
}

void map_cases(uint32_t first, uint32_t nr, uint32_t expected)
{
	int fd = open_device(), other = open_device();
	struct iomemgrant_map m, again;
	volatile uint32_t *p, *q;
	uint32_t value = 0;
	int rc, i;

	if (!hypervisor_can(fd)) {
		CHECK_ERRNO("map on this Xen", map_refs(fd, &m, first, nr), EOPNOTSUPP);
		SKIP("map", "this Xen has no GNTMAP_iomem_map");
		return;
	}
	bad_maps(fd, first);
	CHECK_ERRNO("map", map_refs(fd, &m, first, nr), 0);
	CHECK("length", m.length == nr * PAGE);
	p = mmap(NULL, m.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.mmap_offset);
	CHECK_ERRNO("mmap", p == MAP_FAILED ? errno : 0, 0);
	if (p == MAP_FAILED)
		return;
	CHECK("first word", touch(p, &value) == 0 && value == expected);
	CHECK("every page", ({
		      for (i = 1; i < (int)nr && !touch(p + i * 1024, &value); i++)
			      ;
		      i == (int)nr;
	      }));
	CHECK("another file cannot mmap it",
	      mmap(NULL, PAGE, PROT_READ, MAP_SHARED, other, m.mmap_offset) == MAP_FAILED);
	vma_rules(fd, m.mmap_offset, m.length, p);
	soft_dirty(fd, m.mmap_offset);

	CHECK_ERRNO("the same references again", map_refs(other, &again, first, nr), 0);
	q = mmap(NULL, again.length, PROT_READ | PROT_WRITE, MAP_SHARED, other, again.mmap_offset);
	CHECK("reads too", q != MAP_FAILED && touch(q, &value) == 0);
	CHECK_ERRNO("unmap under an mmap", unmap(fd, m.id), 0);
	CHECK("then access is SIGBUS", touch(p, &value) == SIGBUS);
	CHECK("the other one stays", touch(q, &value) == 0);
	CHECK_ERRNO("unmap again", unmap(fd, m.id), ENOENT);
	CHECK("mmap after unmap",
	      mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, m.mmap_offset) == MAP_FAILED);
	close(other);
	CHECK("an mmap keeps its closed file", touch(q, &value) == 0);
	munmap((void *)q, again.length);
	munmap((void *)p, m.length);

	for (i = 0, rc = 0; i < 100 && !rc; i++) {
		rc = map_refs(fd, &m, first, nr);
		if (rc)
			break;
		p = mmap(NULL, m.length, PROT_READ, MAP_SHARED, fd, m.mmap_offset);
		if (p == MAP_FAILED || touch(p, &value))
			rc = EIO;
		rc = rc ? rc : unmap(fd, m.id);
		munmap((void *)p, m.length);
	}
	CHECK_ERRNO("100 times map, touch, unmap", rc, 0);
	close(fd);
}

/*
 * Maps references, gives them back when the file @go exists, and tries for three seconds
 * to map them again: the granter has asked for their end meanwhile.
 */
void remap_cases(uint32_t first, uint32_t nr, const char *go)
{
	struct iomemgrant_map m;
	int fd = open_device(), rc, tries, mapped = 0;

	rc = map_refs(fd, &m, first, nr);
	CHECK_ERRNO("remap: the first map", rc, 0);
	if (rc)
		return;
	while (access(go, F_OK))
		usleep(10000);
	CHECK_ERRNO("remap: unmap", unmap(fd, m.id), 0);
	for (tries = 0; tries < 300; tries++) {
		rc = map_refs(fd, &m, first, nr);
		if (!rc) {
			mapped++;
			unmap(fd, m.id);
		}
		usleep(10000);
	}
	printf("     remap: %d of %d tries to map again succeeded\n", mapped, tries);
	CHECK("remap: what is ending cannot be mapped again", !mapped);
	close(fd);
}

void node_cases(const char *node, uint64_t length)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);
	volatile uint32_t *p;
	uint32_t value;

	CHECK_ERRNO("open the node", fd < 0 ? errno : 0, 0);
	if (fd < 0)
		return;
	CHECK_ERRNO("read() of a node", read(fd, &value, 4) < 0 ? errno : 0, EINVAL);
	CHECK_ERRNO("write() of a node", write(fd, &value, 4) < 0 ? errno : 0, EINVAL);
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_ERRNO("mmap of the node", p == MAP_FAILED ? errno : 0, 0);
	if (p == MAP_FAILED)
		return;
	CHECK("reads", touch(p, &value) == 0);
	vma_rules(fd, 0, length, p);
	soft_dirty(fd, 0);
	close(fd);
	CHECK("an mmap keeps its closed node", touch(p, &value) == 0);
}
