// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The user-space end of iomem_hvtest, static so that any initramfs can run it.
 *
 *   hvt 'COMMAND WORD...' ...     run module commands, print one answer a line
 *   hvt hold FRAME FILE           map a frame, write to it until FILE appears, unmap, exit
 *   hvt fork FRAME CHILDREN FILE  the same with children that inherit the mapping
 *   hvt touch FRAME               map, write, and report the signal or error that stopped it
 *   hvt forkexec N                N times fork, exec and exit: ticks of the time-stamp counter
 *   hvt share DOMID               share a page through gntalloc, print "ref=N", echo it inverted
 *   hvt attach DOMID REF          map it through gntdev, verify both directions
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE 4096UL
#define DEVICE "/dev/iomem_hvtest"

/* The kernel's headers for these need libxen-dev's or linux-libc-dev's; their layout is fixed. */
struct gntalloc_alloc {
	uint16_t domid, flags;
	uint32_t count;
	uint64_t index;
	uint32_t ref;
};
#define GNTALLOC_ALLOC _IOC(_IOC_NONE, 'G', 5, 24)

struct gntdev_map {
	uint32_t count, pad;
	uint64_t index;
	uint32_t domid, ref;
};
#define GNTDEV_MAP _IOC(_IOC_NONE, 'G', 0, 24)

static volatile uint32_t *map_frame(unsigned long frame)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return MAP_FAILED;
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, frame * PAGE);
	close(fd);
	return p;
}

static int command(const char *line)
{
	char answer[16384];
	ssize_t n = -1;
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && write(fd, line, strlen(line)) >= 0)
		n = read(fd, answer, sizeof(answer) - 1);
	if (n < 0) {
		printf("error=%d\n", errno);
		return 1;
	}
	answer[n] = '\0';
	puts(answer);
	close(fd);
	return 0;
}

static int exists(const char *file)
{
	return access(file, F_OK) == 0;
}

static int hold(unsigned long frame, int children, const char *file)
{
	volatile uint32_t *p = map_frame(frame);
	int i;

	if (p == MAP_FAILED) {
		printf("mmap=%d\n", errno);
		return 1;
	}
	for (i = 0; i < children; i++) {
		if (fork() == 0) {
			while (!exists(file)) {
				p[64 + i]++;
				usleep(2000);
			}
			/* Exit with the mapping in place: its end must lower the count too. */
			_exit(0);
		}
	}
	printf("held\n");
	fflush(stdout);
	while (!exists(file)) {
		p[63]++;
		usleep(2000);
	}
	while (wait(NULL) > 0)
		;
	printf("munmap=%d\n", munmap((void *)p, PAGE) ? errno : 0);
	return 0;
}

static volatile int caught;

static void on_signal(int sig)
{
	char text[32];

	caught = sig;
	(void)!write(1, text, snprintf(text, sizeof(text), "signal=%d\n", sig));
	_exit(0);
}

static int touch(unsigned long frame)
{
	volatile uint32_t *p;

	signal(SIGSEGV, on_signal);
	signal(SIGBUS, on_signal);
	p = map_frame(frame);
	if (p == MAP_FAILED) {
		printf("mmap=%d\n", errno);
		return 0;
	}
	p[62]++;
	printf("value=0x%x\n", p[62]);
	return 0;
}

/* A NOP bench/count_insns.c notes the passing of. */
#define MARK(n) asm volatile (".byte 0x0f, 0x1f, 0x80, " #n ", 'M', 'A', 'R'" ::: "memory")

static int forkexec(const char *self, int n)
{
	uint64_t start = __rdtsc();
	int i, bad = 0, status;

	MARK(5);

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			execl(self, self, "nothing", NULL);
			_exit(1);
		}
		bad += pid < 0 || waitpid(pid, &status, 0) != pid || status;
	}
	MARK(6);
	printf("rc=0 bad=%d ticks=%llu\n", bad, (unsigned long long)(__rdtsc() - start));
	return 0;
}

static int share(int domid, const char *file)
{
	struct gntalloc_alloc a = { .domid = domid, .flags = 1, .count = 1 };
	int fd = open("/dev/xen/gntalloc", O_RDWR), i;
	volatile uint32_t *p;

	if (fd < 0 || ioctl(fd, GNTALLOC_ALLOC, &a)) {
		printf("gntalloc=%d\n", errno);
		return 1;
	}
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, a.index);
	if (p == MAP_FAILED) {
		printf("mmap=%d\n", errno);
		return 1;
	}
	for (i = 0; i < 512; i++)
		p[i] = 0x5a000000 + i;
	printf("ref=%u\n", a.ref);
	fflush(stdout);
	while (!exists(file)) {
		if (p[1023] == 1) {
			for (i = 0; i < 512; i++)
				p[i] = ~p[512 + i];
			p[1023] = 2;
		}
		usleep(1000);
	}
	return 0;
}

static int attach(int domid, unsigned int ref)
{
	struct gntdev_map m = { .count = 1, .domid = domid, .ref = ref };
	int fd = open("/dev/xen/gntdev", O_RDWR), i, wrong = 0;
	volatile uint32_t *p;

	if (fd < 0 || ioctl(fd, GNTDEV_MAP, &m)) {
		printf("gntdev=%d\n", errno);
		return 1;
	}
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.index);
	if (p == MAP_FAILED) {
		printf("mmap=%d\n", errno);
		return 1;
	}
	for (i = 0; i < 512; i++)
		wrong += p[i] != 0x5a000000u + i;
	for (i = 0; i < 511; i++)
		p[512 + i] = i * 2654435761u;
	p[1023] = 1;
	for (i = 0; i < 5000 && p[1023] != 2; i++)
		usleep(1000);
	wrong += p[1023] != 2;
	for (i = 0; i < 511; i++)
		wrong += p[i] != ~(i * 2654435761u);
	printf("wrong=%d\n", wrong);
	munmap((void *)p, PAGE);
	return wrong != 0;
}

int main(int argc, char **argv)
{
	int i, rc = 0;

	if (argc >= 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc == 4 && !strcmp(argv[1], "hold"))
		return hold(strtoul(argv[2], NULL, 0), 0, argv[3]);
	if (argc == 5 && !strcmp(argv[1], "fork"))
		return hold(strtoul(argv[2], NULL, 0), atoi(argv[3]), argv[4]);
	if (argc == 3 && !strcmp(argv[1], "touch"))
		return touch(strtoul(argv[2], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "forkexec"))
		return forkexec("/proc/self/exe", atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "share"))
		return share(atoi(argv[2]), argv[3]);
	if (argc == 4 && !strcmp(argv[1], "attach"))
		return attach(atoi(argv[2]), atoi(argv[3]));
	for (i = 1; i < argc; i++)
		rc |= command(argv[i]);
	return rc;
}
