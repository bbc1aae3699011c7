// SPDX-License-Identifier: GPL-2.0-only
/*
 * Touches a mapped grant from user space, for the scenarios of the bench.
 *
 *	iomem-map NODE LENGTH read OFFSET		prints 0x%08x
 *	iomem-map NODE LENGTH write OFFSET VALUE
 *	iomem-map NODE LENGTH hold [OFFSET]		reads once, prints "holding", waits for
 *			SIGTERM (exit 0) while touching the page ten times a second;
 *			prints "SIGBUS" and exits 10 when an access faults
 *
 * Exit: 0 done, 1 usage, 2 open or mmap failed, 10 SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void on_sigbus(int sig)
{
	static const char text[] = "SIGBUS\n";

	(void)sig;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(11);
	_exit(10);
}

static void on_sigterm(int sig)
{
	(void)sig;
	stop = 1;
}

static int usage(void)
{
	fprintf(stderr, "usage: iomem-map NODE LENGTH read OFFSET | write OFFSET VALUE | hold [OFFSET]\n");
	return 1;
}

int main(int argc, char **argv)
{
	volatile uint8_t *base;
	unsigned long length, offset;
	int fd;

	if (argc < 4)
		return usage();
	length = strtoul(argv[2], NULL, 0);
	offset = argc > 4 ? strtoul(argv[4], NULL, 0) : 0;
	if (offset % 4 || offset + 4 > length)
		return usage();
	signal(SIGBUS, on_sigbus);
	signal(SIGTERM, on_sigterm);
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(argv[1], O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "open %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	base = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		fprintf(stderr, "mmap %s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	if (!strcmp(argv[3], "read") && argc == 5) {
		printf("0x%08x\n", *(volatile uint32_t *)(base + offset));
	} else if (!strcmp(argv[3], "write") && argc == 6) {
		*(volatile uint32_t *)(base + offset) = strtoul(argv[5], NULL, 0);
	} else if (!strcmp(argv[3], "hold") && argc <= 5) {
		(void)*(volatile uint32_t *)(base + offset);
		printf("holding\n");
		while (!stop) {
			usleep(100000);
			(void)*(volatile uint32_t *)(base + offset);
		}
	} else {
		return usage();
	}
	return 0;
}
