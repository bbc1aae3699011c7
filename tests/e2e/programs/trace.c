// SPDX-License-Identifier: GPL-2.0-or-later
/* One run of a command that is watched, and struck at one of its system calls. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <linux/ptrace.h>
#include <unistd.h>

#include <xen/iomemgrant.h>

#include "kill-at.h"

#define CALL(name) [SYS_##name] = #name
static const char *const names[] = {
	CALL(access), CALL(arch_prctl), CALL(brk), CALL(clock_nanosleep), CALL(clone), CALL(clone3),
	CALL(close), CALL(connect), CALL(dup), CALL(eventfd2), CALL(execve), CALL(exit), CALL(exit_group),
	CALL(fcntl), CALL(fstat), CALL(futex), CALL(getdents64), CALL(getpid), CALL(getrandom),
	CALL(getsockopt), CALL(gettid), CALL(getuid), CALL(geteuid), CALL(ioctl), CALL(lseek), CALL(madvise),
	CALL(mmap), CALL(mprotect), CALL(munmap), CALL(newfstatat), CALL(openat), CALL(pipe2), CALL(poll),
	CALL(ppoll), CALL(pread64), CALL(prlimit64), CALL(read), CALL(readlink), CALL(readlinkat),
	CALL(readv), CALL(recvfrom), CALL(recvmsg), CALL(restart_syscall), CALL(rseq), CALL(rt_sigaction),
	CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sched_yield), CALL(sendmsg), CALL(sendto),
	CALL(set_robust_list), CALL(set_tid_address), CALL(sigaltstack), CALL(socket), CALL(stat),
	CALL(statx), CALL(sysinfo), CALL(tgkill), CALL(timerfd_create), CALL(timerfd_settime), CALL(uname),
	CALL(write), CALL(writev), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait),
	CALL(signalfd4), CALL(inotify_init1), CALL(getsockname), CALL(setsockopt), CALL(prctl),
};

/* Requests of XenStore, by the first word of a message (xen/io/xs_wire.h). */
static const char *const requests[] = {
	"XS_CONTROL", "XS_DIRECTORY", "XS_READ", "XS_GET_PERMS", "XS_WATCH", "XS_UNWATCH",
	"XS_TRANSACTION_START", "XS_TRANSACTION_END", "XS_INTRODUCE", "XS_RELEASE", "XS_GET_DOMAIN_PATH",
	"XS_WRITE", "XS_MKDIR", "XS_RM", "XS_SET_PERMS", "XS_WATCH_EVENT",
};

static size_t peek(pid_t pid, unsigned long address, void *buffer, size_t size)
{
	struct iovec here = { buffer, size }, there = { (void *)address, size };
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);

	return got < 0 ? 0 : (size_t)got;
}

static void peek_string(pid_t pid, unsigned long address, char *text, size_t room)
{
	size_t done = 0;

	/* Up to the end of the page at a time: the next one may not be there. */
	while (done < room - 1) {
		size_t piece = 4096 - (address + done) % 4096;

		piece = piece < room - 1 - done ? piece : room - 1 - done;
		piece = peek(pid, address + done, text + done, piece);
		if (!piece || memchr(text + done, '\0', piece))
			break;
		done += piece;
	}
	text[room - 1] = '\0';
	if (done < room - 1 && !memchr(text, '\0', room))
		text[done] = '\0';
}

/* What libxenstore writes: a header of four words, then the body. */
struct message {
	unsigned int type, request, transaction, length;
};

/* Of the run. */
static int store_fd;
static struct message sending;		/* header of the message being written */
static pid_t inside;			/* the thread whose return from a call is a moment */
static bool counts, chosen;		/* of that call */

/* A write to XenStore.  True when it is a header, else it is the body of the last one. */
static bool describe_message(pid_t pid, const __u64 *arg, char *text, size_t room)
{
	const char *name = "XS_?";
	char body[100] = "";
	bool header;

	header = arg[2] == sizeof(sending) && !sending.length &&
		 peek(pid, arg[1], &sending, sizeof(sending)) == sizeof(sending);
	if (sending.type < sizeof(requests) / sizeof(requests[0]))
		name = requests[sending.type];
	if (!header) {
		size_t length = arg[2] < sizeof(body) - 1 ? arg[2] : sizeof(body) - 1;

		body[peek(pid, arg[1], body, length)] = '\0';
		sending.length -= arg[2] < sending.length ? arg[2] : sending.length;
	}
	snprintf(text, room, "%s %s", name, header ? "(header)" : body);
	return header;
}

static const char *ioctl_name(unsigned long request)
{
	switch (request) {
	case IOMEMGRANT_IOC_INFO: return "IOMEMGRANT_IOC_INFO";
	case IOMEMGRANT_IOC_GRANT: return "IOMEMGRANT_IOC_GRANT";
	case IOMEMGRANT_IOC_END: return "IOMEMGRANT_IOC_END";
	case IOMEMGRANT_IOC_LIST: return "IOMEMGRANT_IOC_LIST";
	}
	/* Of Xen's libraries, by the letter of their device. */
	switch (_IOC_TYPE(request)) {
	case 'P': return "privcmd";
	case 'E': return "evtchn";
	default: return "";
	}
}

/* The moments of a call at which it says something, as a set of 1 << BEFORE and 1 << AFTER. */
static unsigned int describe(pid_t pid, const struct ptrace_syscall_info *info, struct run *run)
{
	unsigned long nr = info->entry.nr;
	const __u64 *arg = info->entry.args;
	const char *name = nr < sizeof(names) / sizeof(names[0]) ? names[nr] : NULL;
	unsigned int moments = 0;
	char detail[120] = "";

	switch (nr) {
	case SYS_openat:
		peek_string(pid, arg[1], detail, sizeof(detail));
		if (!run->first && !strcmp(detail, IOMEMGRANT_DEVICE))
			run->first = run->calls;
		break;
	case SYS_connect:
		peek_string(pid, arg[1] + 2, detail, sizeof(detail));
		if (!run->first)
			run->first = run->calls;
		store_fd = (int)arg[0];
		break;
	case SYS_ioctl:
		snprintf(detail, sizeof(detail), "%s", ioctl_name(arg[1]));
		moments = run->first ? 1 << BEFORE | 1 << AFTER : 0;
		break;
	case SYS_write:
		if ((int)arg[0] != store_fd)
			snprintf(detail, sizeof(detail), "%llu bytes to %lld", arg[2], (long long)arg[0]);
		else if (describe_message(pid, arg, detail, sizeof(detail)))
			moments = 1 << BEFORE;
		else
			moments = sending.length ? 0 : 1 << AFTER;
		break;
	}
	if (name)
		snprintf(run->call, sizeof(run->call), "%s%s%s", name, *detail ? " " : "", detail);
	else
		snprintf(run->call, sizeof(run->call), "call %lu", nr);
	return moments;
}

pid_t start(char *const argv[], bool traced, int *out)
{
	pid_t pid;

	*out = memfd_create("said", MFD_CLOEXEC);
	if (*out < 0)
		die("memfd_create: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	dup2(*out, 1);
	dup2(*out, 2);
	if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(126);
	if (traced)
		raise(SIGSTOP);
	execvp(argv[0], argv);
	_exit(127);
}

void collect(int out, char *said, size_t room)
{
	ssize_t length = pread(out, said, room - 1, 0);

	said[length > 0 ? length : 0] = '\0';
	close(out);
}

int run_plain(char *const argv[], char *said, size_t room)
{
	int out, status;
	pid_t pid = start(argv, false, &out);

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid: %s", strerror(errno));
	collect(out, said, room);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static volatile sig_atomic_t overdue;

static void on_alarm(int sig)
{
	overdue = sig;
}

static void list_call(struct run *run, bool speaks)
{
	/* Doubles whenever it is full. */
	if (!(run->calls & (run->calls - 1))) {
		run->list = realloc(run->list, 2 * run->calls * sizeof(*run->list));
		if (!run->list)
			die("no memory");
	}
	snprintf(run->list[run->calls - 1].name, sizeof(run->list->name), "%.*s",
		 (int)sizeof(run->list->name) - 1, run->call);
	run->list[run->calls - 1].speaks = speaks;
}

/* @tid begins (@info) or ends (NULL) a call.  True: now is the moment to strike. */
static bool reached(const struct strike *strike, pid_t tid, const struct ptrace_syscall_info *info,
		    struct run *run)
{
	if (!info) {
		if (tid != inside)
			return false;
		inside = 0;
		run->moment = AFTER;
		return chosen || (counts && ++run->moments == strike->number && !strike->all);
	}
	if (inside)
		return false;	/* another thread, while we wait for that one */

	run->calls++;
	run->moment = BEFORE;
	unsigned int moments = describe(tid, info, run);

	if (!strike->number)
		list_call(run, moments);
	chosen = strike->all && run->calls == strike->number;
	counts = moments & 1 << AFTER;
	if (chosen && strike->moment == BEFORE)
		return true;
	if (chosen || counts)
		inside = tid;
	return moments & 1 << BEFORE && ++run->moments == strike->number && !strike->all;
}

static pid_t begin(char *const argv[], int *out)
{
	pid_t pid = start(argv, true, out);
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("%s did not stop", argv[0]);
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE |
		   PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL))
		die("PTRACE_SETOPTIONS: %s", strerror(errno));
	ptrace(PTRACE_SYSCALL, pid, NULL, 0L);
	return pid;
}

void run_traced(char *const argv[], const struct strike *strike, unsigned int limit, struct run *run)
{
	struct sigaction action = { .sa_handler = on_alarm };
	unsigned int patience = strike->idle ? strike->idle : limit;
	int out, status;
	pid_t pid;

	memset(run, 0, sizeof(*run));
	memset(&sending, 0, sizeof(sending));
	store_fd = -1;
	inside = 0;
	overdue = 0;
	sigaction(SIGALRM, &action, NULL);
	pid = begin(argv, &out);

	for (;;) {
		struct ptrace_syscall_info info = { 0 };
		pid_t tid;

		alarm(patience);
		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && overdue && strike->idle && patience != limit) {
			overdue = 0;
			patience = limit;
			kill(pid, SIGTERM);
			continue;
		}
		if (tid < 0 && overdue) {
			kill(pid, SIGKILL);
			die("%s hangs; the last call was %s", argv[0], run->call);
		}
		if (tid < 0)
			die("waitpid: %s", strerror(errno));
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (tid != pid)
				continue;
			run->killed = WIFSIGNALED(status);
			run->status = run->killed ? WTERMSIG(status) : WEXITSTATUS(status);
			break;
		}
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			/* A new thread's first stop and the events of ptrace are not for it. */
			int sig = WSTOPSIG(status);

			ptrace(PTRACE_SYSCALL, tid, NULL, sig == SIGSTOP || sig == SIGTRAP ? 0L : (long)sig);
			continue;
		}
		ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info);
		if (!run->struck &&
		    reached(strike, tid, info.op == PTRACE_SYSCALL_INFO_ENTRY ? &info : NULL, run)) {
			kill(pid, strike->signal);
			run->struck = true;
		}
		ptrace(run->struck ? PTRACE_CONT : PTRACE_SYSCALL, tid, NULL, 0L);
	}
	alarm(0);
	/* Threads that are still to be buried. */
	while (waitpid(-1, &status, __WALL | WNOHANG) > 0)
		;
	collect(out, run->said, sizeof(run->said));
}
