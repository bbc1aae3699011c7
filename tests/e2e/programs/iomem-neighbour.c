// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of a program in the same page table page as a mapping of a granted page.
 *
 *   iomem-neighbour NODE
 *
 * Fills 16384 words, reads the granted page so that its entry is live, prints "ready VALUE", and for
 * each SIGUSR1 "lost N of 16384 words, page VALUE" or "..., page SIGBUS".  A save that finds a live
 * entry of device memory drops the whole page table page, and with it these words: N says so.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TABLE (2ul << 20)	/* what one page table page covers */
#define WORDS 16384

static sigjmp_buf cut_off;

static void on_sigbus(int sig)
{
	siglongjmp(cut_off, sig);
}

static uint32_t word(unsigned int i)
{
	return i * 2654435761u ^ 0x5a5aa5a5;
}

static void *place(void *at, size_t length, int flags, int fd)
{
	void *got = mmap(at, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);

	if (got != at) {
		perror("mmap");
		exit(1);
	}
	return got;
}

int main(int argc, char **argv)
{
	char *space = mmap(NULL, 2 * TABLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *base = (char *)(((uintptr_t)space + TABLE - 1) & ~(TABLE - 1));
	int fd = argc == 2 ? open(argv[1], O_RDWR) : -1;
	volatile uint32_t *page;
	uint32_t *words;
	sigset_t set;
	int sig;

	if (space == MAP_FAILED || fd < 0) {
		perror(argc == 2 ? argv[1] : "usage: iomem-neighbour NODE");
		return 1;
	}
	words = place(base, WORDS * sizeof(*words), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	page = place(base + TABLE / 2, 4096, MAP_SHARED, fd);
	for (unsigned int i = 0; i < WORDS; i++)
		words[i] = word(i);
	signal(SIGBUS, on_sigbus);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("ready 0x%08x\n", *page);
	fflush(stdout);
	while (!sigwait(&set, &sig)) {
		unsigned int lost = 0;

		for (unsigned int i = 0; i < WORDS; i++)
			lost += words[i] != word(i);
		printf("lost %u of %u words, page ", lost, WORDS);
		if (sigsetjmp(cut_off, 1))
			puts("SIGBUS");
		else
			printf("0x%08x\n", *page);
		fflush(stdout);
	}
	return 0;
}
