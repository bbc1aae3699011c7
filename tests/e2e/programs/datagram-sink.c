// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Listens where programs send what systemd should know, and appends each datagram to a file,
 * followed by a line of dashes:
 *
 *   datagram-sink SOCKET FILE
 *
 * With /run/systemd/journal/socket it stands in for the journal, with the socket of NOTIFY_SOCKET
 * for systemd itself.  Says "ready" when it listens.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	static char data[65536];
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	FILE *file;
	ssize_t size;

	if (argc != 3 || fd < 0)
		return 2;
	file = fopen(argv[2], "a");
	strncpy(at.sun_path, argv[1], sizeof(at.sun_path) - 1);
	unlink(at.sun_path);
	if (!file || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		perror(argv[0]);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while ((size = recv(fd, data, sizeof(data), 0)) >= 0) {
		fwrite(data, 1, size, file);
		fprintf(file, "\n--\n");
		fflush(file);
	}
	return 1;
}
