// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes every watch that xenstored allows the guest, and leaves one.
 *
 *   watch-hog GO        prints "full"; when the file GO exists, gives back another one
 *
 * The library closes the connection, and so gives back all watches, when one is refused.
 * Therefore the program counts them first, and takes one less on a second connection.
 */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <xenstore.h>

static void token(char *text, size_t size, unsigned int nr)
{
	snprintf(text, size, "hog-%u", nr);
}

/* How many watches of @most xenstored grants. */
static unsigned int take(struct xs_handle *store, unsigned int most)
{
	unsigned int nr;
	char text[16];

	for (nr = 0; nr < most; nr++) {
		token(text, sizeof(text), nr);
		if (!xs_watch(store, "domid", text))
			break;
	}
	return nr;
}

int main(int argc, char **argv)
{
	struct xs_handle *store = xs_open(0);
	unsigned int all;
	char text[16];

	if (argc != 2 || !store) {
		perror("watch-hog: no XenStore");
		return 1;
	}
	all = take(store, UINT_MAX);
	if (all < 3) {
		fprintf(stderr, "watch-hog: only %u watches\n", all);
		return 1;
	}
	/* The kernel gives them back some time after the connection is closed. */
	for (;;) {
		xs_close(store);
		usleep(100000);
		store = xs_open(0);
		if (store && take(store, all - 1) == all - 1)
			break;
	}
	puts("full");
	fflush(stdout);
	while (access(argv[1], F_OK))
		usleep(10000);
	token(text, sizeof(text), 0);
	xs_unwatch(store, "domid", text);
	for (;;)
		pause();
}
