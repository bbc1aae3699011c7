// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The far end of the bench: runs commands inside dom0 or a guest.
 *
 *   bench-agent serve TTY        answer requests that arrive on TTY
 *   bench-agent relay PORT TTY   copy bytes between a virtio port and a guest's console
 *   bench-agent seed             let the kernel believe it has entropy
 *
 * Requests and answers are text lines, so that a kernel message on the same
 * console is noise that can be skipped and never a broken frame:
 *
 *   > SEQ TIMEOUT BASE64         run "sh -c", kill it after TIMEOUT seconds
 *   < SEQ o BASE64 SUM           a piece of its standard output
 *   < SEQ e BASE64 SUM           a piece of its standard error
 *   < SEQ x STATUS PIECES        it ended; STATUS as the shell's $?
 *   ? SEQ                        send the last answer again
 *
 * Static, no libraries: it has to run in an initramfs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PIECE 720 /* bytes of output in one line */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The last answer, kept for "?". */
static char *answer;
static size_t answer_len;
static size_t answer_room;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				struct pollfd p = { .fd = fd, .events = POLLOUT };

				poll(&p, 1, 100);
				continue;
			}
			die("write");
		}
		data += n;
		len -= n;
	}
}

static void send_line(int fd, const char *line, size_t len)
{
	if (answer_len + len > answer_room) {
		answer_room = 2 * (answer_len + len);
		answer = realloc(answer, answer_room);
		if (!answer)
			die("realloc");
	}
	memcpy(answer + answer_len, line, len);
	answer_len += len;
	write_all(fd, line, len);
}

static size_t encode(char *to, const uint8_t *from, size_t len)
{
	char *start = to;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = from[i] << 16 | (i + 1 < len ? from[i + 1] << 8 : 0) |
			     (i + 2 < len ? from[i + 2] : 0);

		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*to++ = i + 2 < len ? digits[v & 63] : '=';
	}
	return to - start;
}

static size_t decode(char *text)
{
	uint32_t v = 0;
	int bits = 0;
	char *to = text;

	for (const char *p = text; *p && *p != '='; p++) {
		const char *digit = strchr(digits, *p);

		if (!digit)
			continue;
		v = v << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			*to++ = v >> bits;
		}
	}
	*to = 0;
	return to - text;
}

static void send_piece(int tty, unsigned long seq, char kind, const uint8_t *data, size_t len)
{
	char line[PIECE * 4 / 3 + 80];
	unsigned int sum = 0;
	int n = sprintf(line, "< %lu %c ", seq, kind);

	for (size_t i = 0; i < len; i++)
		sum = (sum * 31 + data[i]) & 0xffff;
	n += encode(line + n, data, len);
	n += sprintf(line + n, " %u\n", sum);
	send_line(tty, line, n);
}

/* Forward what is there; returns pieces sent, -1 at end of file. */
static int drain(int tty, unsigned long seq, char kind, int fd)
{
	uint8_t data[PIECE];
	int pieces = 0;

	for (;;) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n < 0)
			return pieces;
		if (n == 0)
			return pieces ? pieces : -1;
		send_piece(tty, seq, kind, data, n);
		pieces++;
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void run(int tty, unsigned long seq, double limit, const char *command)
{
	int out[2], err[2], status, pieces = 0;
	double deadline = now() + limit;
	char line[80];
	int timed_out = 0;
	pid_t pid;

	answer_len = 0;
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setsid();
		signal(SIGPIPE, SIG_DFL);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);

	/*
	 * The command has ended when its shell has, not at end of file: what
	 * it left in the background may keep the pipes open for ever.
	 */
	struct pollfd p[2] = { { .fd = out[0], .events = POLLIN },
			       { .fd = err[0], .events = POLLIN } };
	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);
		int n;

		for (int i = 0; i < 2; i++) {
			if (p[i].fd < 0)
				continue;
			n = drain(tty, seq, i ? 'e' : 'o', p[i].fd);
			if (n < 0)
				p[i].fd = -1;
			else
				pieces += n;
		}
		if (ended == pid)
			break;
		if (now() > deadline && !timed_out) {
			kill(-pid, SIGKILL);
			timed_out = 1;
		}
		/* SIGCHLD ends poll() early, see main(). */
		poll(p, 2, p[0].fd < 0 && p[1].fd < 0 ? 2 : 20);
	}
	close(out[0]);
	close(err[0]);
	if (timed_out)
		status = 124;
	else
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	send_line(tty, line, sprintf(line, "< %lu x %d %d\n", seq, status, pieces));
}

static int open_raw(const char *path)
{
	struct termios t;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	if (!tcgetattr(fd, &t)) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static __attribute__((noreturn)) void serve(const char *path)
{
	int tty = open_raw(path);
	size_t room = 1 << 16, len = 0;
	char *line = malloc(room);

	write_all(tty, "\n< 0 x 0 0\n", 11);
	for (;;) {
		char *end;
		ssize_t n = read(tty, line + len, room - len - 1);

		if (n <= 0) {
			/* A virtio port whose host side is closed reads as end of file. */
			usleep(50000);
			continue;
		}
		len += n;
		line[len] = 0;
		while ((end = memchr(line, '\n', len))) {
			unsigned long seq;
			double limit;
			int at = 0;

			*end = 0;
			if (sscanf(line, "> %lu %lf %n", &seq, &limit, &at) == 2 && at) {
				decode(line + at);
				run(tty, seq, limit, line + at);
			} else if (line[0] == '?') {
				write_all(tty, answer, answer_len);
			}
			len -= end + 1 - line;
			memmove(line, end + 1, len + 1);
		}
		if (len + 1 == room) {
			room *= 2;
			line = realloc(line, room);
			if (!line)
				die("realloc");
		}
	}
}

/* Ends when the guest's console does. */
static int relay(const char *port_path, const char *tty_path)
{
	int port = open_raw(port_path);
	int tty = open_raw(tty_path);
	char data[4096];

	for (;;) {
		struct pollfd p[2] = { { .fd = port, .events = POLLIN },
				       { .fd = tty, .events = POLLIN } };

		poll(p, 2, -1);
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!p[i].revents)
				continue;
			n = read(p[i].fd, data, sizeof(data));
			if (n > 0)
				write_all(p[1 - i].fd, data, n);
			else if (i == 1)
				return 0;
			else
				usleep(20000);
		}
	}
}

/* A machine just booted has none, and libuuid, thus xl create, waits three seconds for it. */
static int seed(void)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[32];
	} pool = { .info = { .entropy_count = 8 * sizeof(pool.bytes), .buf_size = sizeof(pool.bytes) } };
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool))
		die("/dev/urandom");
	return 0;
}

static void nothing(int sig)
{
	(void)sig;
}

int main(int argc, char **argv)
{
	struct sigaction child = { .sa_handler = nothing };

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGCHLD, &child, NULL);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "relay"))
		return relay(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "seed"))
		return seed();
	fprintf(stderr, "usage: bench-agent serve TTY | relay PORT TTY | seed\n");
	return 2;
}
