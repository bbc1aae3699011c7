/*
 * What a program that uses a granted page does, one step a call.
 *
 *   iomem-probe read NODE OFF             print the 32-bit register
 *   iomem-probe write NODE OFF VALUE
 *   iomem-probe hold NODE LEN             map, print "mapped", read on; "SIGBUS" when cut off
 *   iomem-probe refuse NODE               read(), write(), private and too long mappings fail
 *   iomem-probe grab DOMID REF COUNT      map references by hand and keep them, whatever XenStore
 *                                         says; print "mapped" and each new value of register 0
 *   iomem-probe info                      what the module says of itself
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/iomemgrant.h>

static sigjmp_buf cut_off;

static void die(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static volatile uint32_t *map(const char *node, size_t length)
{
	int fd = open(node, O_RDWR);
	void *at;

	if (fd < 0)
		die(node);
	at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	close(fd);
	return at;
}

static volatile uint32_t *reg(const char *node, const char *offset)
{
	unsigned long at = strtoul(offset, NULL, 0);

	return map(node, (at | 4095) + 1) + at / 4;
}

static void on_sigbus(int sig)
{
	siglongjmp(cut_off, sig);
}

static int hold(const char *node, size_t length)
{
	volatile uint32_t *page = map(node, length);
	uint32_t sum = 0;

	signal(SIGBUS, on_sigbus);
	if (sigsetjmp(cut_off, 1)) {
		puts("SIGBUS");
		/* Every page, and for good. */
		for (size_t at = 0; at < length; at += 4096) {
			if (!sigsetjmp(cut_off, 1)) {
				sum += page[at / 4];
				printf("still readable at %zu\n", at);
				return 1;
			}
		}
		return 0;
	}
	for (size_t at = 0; at < length; at += 4096)
		sum += page[at / 4];
	puts("mapped");
	fflush(stdout);
	for (;;) {
		for (size_t at = 0; at < length; at += 4096)
			sum += page[at / 4];
		usleep(20000);
	}
}

static void expect(const char *what, int failed)
{
	if (!failed) {
		printf("%s succeeded\n", what);
		exit(1);
	}
	printf("%s: %s\n", what, strerrorname_np(errno));
}

static int refuse(const char *node)
{
	char byte = 0;
	int fd = open(node, O_RDWR);

	if (fd < 0)
		die(node);
	expect("read", read(fd, &byte, 1) < 0);
	expect("write", write(fd, &byte, 1) < 0);
	expect("private mmap", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	expect("mmap past the end", mmap(NULL, 1 << 30, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	return 0;
}

/* Not polite: this is how a guest keeps what it was granted. */
static void __attribute__((noreturn)) grab(unsigned int domid, uint32_t first, uint32_t count)
{
	uint32_t refs[count];
	struct iomemgrant_map request = {
		.size = sizeof(request), .domid = domid, .nr_refs = count, .refs = (uintptr_t)refs,
	};
	int fd = open(IOMEMGRANT_DEVICE, O_RDWR);
	volatile uint32_t *page;
	uint32_t last = 0, now;

	if (fd < 0)
		die(IOMEMGRANT_DEVICE);
	for (uint32_t i = 0; i < count; i++)
		refs[i] = first + i;
	if (ioctl(fd, IOMEMGRANT_IOC_MAP, &request))
		die("MAP");
	page = mmap(NULL, request.length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, request.mmap_offset);
	if (page == MAP_FAILED)
		die("mmap");
	puts("mapped");
	for (;;) {
		now = page[0];
		if (now != last)
			printf("0x%08x\n", now);
		fflush(stdout);
		last = now;
		usleep(20000);
	}
}

static int info(void)
{
	struct iomemgrant_info info = { .size = sizeof(info) };
	int fd = open(IOMEMGRANT_DEVICE, O_RDWR);

	if (fd < 0)
		die(IOMEMGRANT_DEVICE);
	if (ioctl(fd, IOMEMGRANT_IOC_INFO, &info))
		die("INFO");
	printf("caps=%u refs=%u grants=%u\n", info.caps, info.nr_refs, info.nr_grants);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 4 && !strcmp(verb, "read")) {
		printf("0x%08x\n", *reg(argv[2], argv[3]));
		return 0;
	}
	if (argc == 5 && !strcmp(verb, "write")) {
		*reg(argv[2], argv[3]) = strtoul(argv[4], NULL, 0);
		return 0;
	}
	if (argc == 4 && !strcmp(verb, "hold"))
		return hold(argv[2], strtoul(argv[3], NULL, 0));
	if (argc == 3 && !strcmp(verb, "refuse"))
		return refuse(argv[2]);
	if (argc == 5 && !strcmp(verb, "grab"))
		grab(atoi(argv[2]), strtoul(argv[3], NULL, 0), strtoul(argv[4], NULL, 0));
	if (argc == 2 && !strcmp(verb, "info"))
		return info();
	fprintf(stderr, "usage: iomem-probe read NODE OFF | write NODE OFF VALUE | hold NODE LEN | refuse NODE | grab DOMID REF COUNT |\n"
		"       info\n");
	return 2;
}
