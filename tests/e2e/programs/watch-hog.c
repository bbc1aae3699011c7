// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes every watch that xenstored allows the guest.
 *
 *   watch-hog GO        prints "full"; whenever the file GO exists, removes it and gives one back
 *
 * libxenstore drops its connection, and so every watch, when one is refused.  Therefore the
 * requests go to the kernel's device as they are, where write() fails when xenstored
 * refuses.  Answers and events are not read.
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

static int ask(int store, uint32_t type, unsigned int nr)
{
	struct {
		struct xsd_sockmsg head;
		char body[32];
	} request = { .head = { .type = type } };

	memcpy(request.body, "domid", 6);
	snprintf(request.body + 6, sizeof(request.body) - 6, "hog-%u", nr);
	request.head.len = 6 + strlen(request.body + 6) + 1;
	return write(store, &request, sizeof(request.head) + request.head.len) < 0;
}

int main(int argc, char **argv)
{
	int store = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
	unsigned int nr = 0;

	if (argc != 2 || store < 0)
		err(1, "watch-hog: /dev/xen/xenbus");
	while (!ask(store, XS_WATCH, nr))
		nr++;
	warn("watch %u", nr + 1);
	puts("full");
	fflush(stdout);
	while (nr) {
		if (unlink(argv[1]))
			usleep(10000);
		else
			ask(store, XS_UNWATCH, --nr);
	}
	return 0;
}
