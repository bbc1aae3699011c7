// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many commands at once: each of WORKERS processes grants random pages of one BAR to a random guest
 * and takes them back, for SECONDS; they quarrel about PAGES pages.
 *
 *   storm SECONDS WORKERS PAGES SEED BDF/BAR GUEST...
 *
 * What must hold: a page is never in two grants (looked at all the time); a command that said it
 * had granted is right, in the module and in XenStore, until its worker revokes it; a command is
 * refused for no reason but overlap; nothing takes for ever; at the end everything is as before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xen/iomemgrant.h>
#include <xenstore.h>

#include "kill-at.h"

#define PAGE 4096UL
#define LIMIT 120	/* seconds for one command, with all the others under emulation */

/* Shared by all processes. */
static struct {
	volatile unsigned int granted, refused, again, revoked, failures, looks;
	volatile unsigned int most;	/* grants at one time */
} *count;

static int fd;
static const char *bar;
static char **guests;
static unsigned int nr_guests, nr_pages;
static time_t end;

void die(const char *format, ...)
{
	va_list arguments;

	fputs("storm: ", stdout);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	exit(99);
}

static void fail(const char *format, ...)
{
	va_list arguments;

	__sync_fetch_and_add(&count->failures, 1);
	va_start(arguments, format);
	fputs("FAIL ", stdout);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
	fflush(stdout);
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static unsigned int list(struct iomemgrant_entry *entries, unsigned int room)
{
	struct iomemgrant_list list = {
		.size = sizeof(list), .nr = room, .entries = (unsigned long)entries,
		.entry_size = sizeof(*entries),
	};

	if (ioctl(fd, IOMEMGRANT_IOC_LIST, &list))
		die("LIST: %s", strerror(errno));
	if (list.nr > room)
		die("%u grants at once", list.nr);
	return list.nr;
}

/* One look at all grants at one moment. */
static void look(void)
{
	static struct iomemgrant_entry e[256];
	unsigned int nr = list(e, 256);

	count->looks++;
	if (nr > count->most)
		count->most = nr;
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int j = 0; j < i; j++)
			if (e[i].offset < e[j].offset + e[j].length &&
			    e[j].offset < e[i].offset + e[i].length)
				fail("pages in two grants: %llu and %llu", e[i].id, e[j].id);
}

/* Is the grant there, alive and published to this guest?  Or is nothing left of it? */
static void check(struct xs_handle *store, unsigned long long id, bool there, unsigned long offset,
		  unsigned long length)
{
	struct iomemgrant_entry e[256];
	unsigned int nr = list(e, 256), at = nr;
	static unsigned int domid;	/* of the last grant that was there */
	char path[100];
	char *state;

	for (unsigned int i = 0; i < nr; i++)
		if (e[i].id == id)
			at = i;
	if (at < nr)
		domid = e[at].domid;
	if (!there && at < nr)
		fail("grant %llu was revoked and is there", id);
	if (there && (at == nr || e[at].state != IOMEMGRANT_LIVE || e[at].offset != offset ||
		      e[at].length != length))
		fail("grant %llu was made and is not there", id);
	snprintf(path, sizeof(path), "/local/domain/0/backend/iomem/%u/%llu/state", domid, id);
	state = xs_read(store, XBT_NULL, path, NULL);
	if (there ? !state || strcmp(state, "4") : state != NULL)
		fail("%s is %s", path, state ? state : "absent");
	free(state);
}

static int command(char *said, size_t room, const char *verb, const char *a, const char *b, const char *c)
{
	char limit[16];
	char *argv[] = { "timeout", limit, "xen-iomemgrant", "--json", (char *)verb, (char *)a, (char *)b,
			 (char *)c, NULL };

	snprintf(limit, sizeof(limit), "%d", LIMIT);
	return run_plain(argv, said, room);
}

static void one_grant(struct xs_handle *store)
{
	unsigned long length = 1 + (unsigned long)(rand() % 2);
	unsigned long first = (unsigned long)rand() % (nr_pages - length + 1);
	const char *guest = guests[(unsigned int)rand() % nr_guests];
	static char said[65536];
	unsigned long long id;
	char region[80], name[32];
	const char *found;
	int rc;

	snprintf(region, sizeof(region), "%s@%lu+%lu", bar, first * PAGE, length * PAGE);
	rc = command(said, sizeof(said), "grant", guest, region, rand() % 4 ? "--wait=90" : "--no-wait");
	if (rc == 5 && strstr(said, "[overlap]")) {
		__sync_fetch_and_add(&count->refused, 1);
		return;
	}
	found = strstr(said, "\"grants\":[{\"id\":");
	if (rc || !found) {
		fail("grant %s %s ended with %d: %s", guest, region, rc, said);
		return;
	}
	if (!strstr(said, "\"changed\":true")) {
		/* Another worker's: the same pages to the same guest. */
		__sync_fetch_and_add(&count->again, 1);
		return;
	}
	__sync_fetch_and_add(&count->granted, 1);
	id = strtoull(found + 16, NULL, 10);
	check(store, id, true, first * PAGE, length * PAGE);
	usleep((unsigned int)rand() % 200000);
	check(store, id, true, first * PAGE, length * PAGE);

	snprintf(name, sizeof(name), "g%llu", id);
	rc = command(said, sizeof(said), "revoke", name, "--wait=90", NULL);
	if (rc) {
		fail("revoke %s ended with %d: %s", name, rc, said);
		return;
	}
	__sync_fetch_and_add(&count->revoked, 1);
	check(store, id, false, 0, 0);
}

static void work(unsigned int seed)
{
	struct xs_handle *store = xs_open(0);

	if (!store)
		die("no XenStore: %s", strerror(errno));
	srand(seed);
	while (now() < end && !count->failures)
		one_grant(store);
	exit(0);
}

static bool all_back(const char *before)
{
	for (int try = 0; try < 100; try++) {
		char *after = snapshot();
		bool same = !strcmp(before, after);

		if (!same && try == 99)
			printf("before:\n%s\nafter:\n%s\n", before, after);
		free(after);
		if (same)
			return true;
		usleep(100000);
	}
	return false;
}

int main(int argc, char **argv)
{
	unsigned int workers, running, seed;
	char *before;

	if (argc < 7 || atoi(argv[3]) < 2)
		die("usage: storm SECONDS WORKERS PAGES SEED BDF/BAR GUEST...");
	workers = (unsigned int)atoi(argv[2]);
	nr_pages = (unsigned int)atoi(argv[3]);
	seed = (unsigned int)atoi(argv[4]);
	bar = argv[5];
	guests = argv + 6;
	nr_guests = (unsigned int)argc - 6;
	fd = open(IOMEMGRANT_DEVICE, O_RDWR | O_CLOEXEC);
	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || count == MAP_FAILED)
		die("%s: %s", IOMEMGRANT_DEVICE, strerror(errno));
	truth_open();
	before = snapshot();
	end = now() + atoi(argv[1]);

	for (unsigned int i = 0; i < workers; i++)
		if (!fork())
			work(seed + i);
	for (running = workers; running;) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			running--;
		look();
		usleep(10000);
		/* Each worker may have two commands before it. */
		if (now() > end + 3 * LIMIT) {
			fail("%u workers never came back", running);
			break;
		}
	}
	if (!all_back(before))
		fail("not as before");
	printf("%u granted, %u refused, %u already granted, %u revoked, %u at once, %u looks, %u failures\n",
	       count->granted, count->refused, count->again, count->revoked, count->most, count->looks,
	       count->failures);
	return count->failures || !count->granted || count->granted != count->revoked;
}
