// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Stands before xenstored, so that it can go away and come back:
 *
 *   store-relay PATH     a client with XENSTORED_PATH=PATH gets to xenstored
 *
 * Killed as a process group it breaks every connection, as a dying xenstored does.
 */
#define _GNU_SOURCE
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define XENSTORED "/run/xenstored/socket"

static int unix_socket(struct sockaddr_un *address, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address->sun_path))
		err(1, "%s", path);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	return fd;
}

/* Until either end closes; short writes do not happen to such small messages on a blocking socket. */
static void pump(int client, int daemon)
{
	struct pollfd ends[] = { { client, POLLIN, 0 }, { daemon, POLLIN, 0 } };
	char data[4096];

	while (poll(ends, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t got;

			if (!ends[i].revents)
				continue;
			got = read(ends[i].fd, data, sizeof(data));
			if (got <= 0 || write(ends[1 - i].fd, data, (size_t)got) != got)
				return;
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un here = { 0 }, there = { 0 };
	int listener;

	if (argc != 2)
		errx(2, "usage: store-relay PATH");
	signal(SIGCHLD, SIG_IGN);
	listener = unix_socket(&here, argv[1]);
	unlink(argv[1]);
	if (bind(listener, (struct sockaddr *)&here, sizeof(here)) || listen(listener, 8))
		err(1, "%s", argv[1]);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (client < 0)
			err(1, "accept");
		if (fork() == 0) {
			int daemon = unix_socket(&there, XENSTORED);

			if (connect(daemon, (struct sockaddr *)&there, sizeof(there)))
				err(1, XENSTORED);
			pump(client, daemon);
			_exit(0);
		}
		close(client);
	}
}
