// SPDX-License-Identifier: GPL-2.0-or-later
/* One run of a command whose XenStore is slow, full, contended or gone: a proxy before xenstored. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kill-at.h"

#define XENSTORED "/run/xenstored/socket"
#define PROXY "/tmp/kill-at.xenstored"

enum { TRANSACTION_END = 7, WRITE = 11, MKDIR = 12, SET_PERMS = 14, WATCH_EVENT = 15, ERROR = 16 };

struct message {
	struct { unsigned int type, request, transaction, length; } header;
	char body[4096 + 1];
};

static int listener, client, daemon_fd;
static bool swallow;		/* the next answer is not for the client */

static int connect_to_daemon(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = XENSTORED };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		die("%s: %s", XENSTORED, strerror(errno));
	return fd;
}

static void listen_for_client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = PROXY };

	unlink(PROXY);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1))
		die("%s: %s", PROXY, strerror(errno));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool read_all(int fd, void *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = read(fd, (char *)buffer + done, size - done);

		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static bool receive(int fd, struct message *m)
{
	if (!read_all(fd, &m->header, sizeof(m->header)) || m->header.length >= sizeof(m->body) ||
	    !read_all(fd, m->body, m->header.length))
		return false;
	m->body[m->header.length] = '\0';
	return true;
}

/* A client that is gone is none of our business. */
static void forward(int fd, const struct message *m)
{
	(void)!send(fd, m, sizeof(m->header) + m->header.length, MSG_NOSIGNAL);
}

static void answer_error(const struct message *request, const char *name)
{
	struct message m = { .header = request->header };

	m.header.type = ERROR;
	m.header.length = (unsigned int)strlen(name) + 1;
	strcpy(m.body, name);
	forward(client, &m);
}

/* Is this the request to strike at?  Counts those that the fault is about. */
static bool reached(enum fault fault, unsigned int number, const struct message *m, unsigned int *count)
{
	unsigned int type = m->header.type;

	switch (fault) {
	case FULL:
		return (type == WRITE || type == MKDIR || type == SET_PERMS) && ++*count == number;
	case CONTENDED:
		return type == TRANSACTION_END && m->body[0] == 'T' && ++*count <= number;
	case GONE:
		return ++*count == number;
	case SLOW:
		return true;
	}
	return false;
}

static void from_client(enum fault fault, unsigned int number, unsigned int *count, struct run *run)
{
	static struct message m;

	if (!receive(client, &m)) {
		close_fd(&client);
		close_fd(&daemon_fd);
		return;
	}
	if (reached(fault, number, &m, count)) {
		run->struck = true;
		run->calls = *count;
		snprintf(run->call, sizeof(run->call), "request %u %.100s", m.header.type, m.body);
		switch (fault) {
		case FULL:
			answer_error(&m, "ENOSPC");
			return;
		case CONTENDED:
			/* Really given up, and told it was somebody else's fault. */
			m.body[0] = 'F';
			swallow = true;
			break;
		case GONE:
			close_fd(&client);
			close_fd(&daemon_fd);
			close_fd(&listener);
			return;
		case SLOW:
			usleep(number * 1000);
			break;
		}
	}
	forward(daemon_fd, &m);
}

static void from_daemon(void)
{
	static struct message m;

	if (!receive(daemon_fd, &m))
		die("xenstored has gone");
	if (swallow && m.header.type != WATCH_EVENT) {
		swallow = false;
		answer_error(&m, "EAGAIN");
		return;
	}
	forward(client, &m);
}

void run_with_fault(char *const argv[], enum fault fault, unsigned int number, unsigned int limit,
		    struct run *run)
{
	time_t end = time(NULL) + (time_t)limit;
	unsigned int count = 0;
	int out, status;
	pid_t pid;

	memset(run, 0, sizeof(*run));
	client = daemon_fd = -1;
	swallow = false;
	listen_for_client();
	setenv("XENSTORED_PATH", PROXY, 1);
	pid = start(argv, false, &out);
	unsetenv("XENSTORED_PATH");
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd fds[] = { { listener, POLLIN, 0 }, { client, POLLIN, 0 },
					{ daemon_fd, POLLIN, 0 } };

		if (time(NULL) > end) {
			kill(pid, SIGKILL);
			die("%s hangs after %s", argv[0], run->call);
		}
		if (poll(fds, 3, 20) <= 0)
			continue;
		if (fds[0].revents && client < 0) {
			client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			daemon_fd = connect_to_daemon();
			continue;
		}
		if (fds[2].revents && daemon_fd >= 0)
			from_daemon();
		if (fds[1].revents && client >= 0)
			from_client(fault, number, &count, run);
	}
	close_fd(&client);
	close_fd(&daemon_fd);
	close_fd(&listener);
	run->killed = WIFSIGNALED(status);
	run->status = run->killed ? WTERMSIG(status) : WEXITSTATUS(status);
	collect(out, run->said, sizeof(run->said));
}
