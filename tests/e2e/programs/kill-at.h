/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of kill-at: a run that is struck (trace.c, proxy.c), what is true now (truth.c), the loop. */
#ifndef KILL_AT_H
#define KILL_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* ---------------------------------------------------------------- trace.c */

enum moment { BEFORE, AFTER };

/* What to do to a command, and when. */
struct strike {
	bool all;		/* count every system call, struck at @moment of it; or only those
				 * that say something: before a message to XenStore, after it, before
				 * and after an ioctl, each of these moments counted by itself */
	unsigned int number;	/* counted from 1 over all threads; 0: only watch */
	enum moment moment;
	int signal;
	unsigned int idle;	/* a service: when it has done nothing for so many seconds, SIGTERM
				 * ends it in the ordinary way */
};

/* A system call of an undisturbed run. */
struct call {
	char name[100];
	bool speaks;		/* it has a moment that counts */
};

struct run {
	bool struck;		/* the signal was sent */
	bool killed;		/* the command died of a signal, @status is its number */
	int status;		/* or this was its exit status */
	unsigned int calls;	/* system calls it had begun by then */
	unsigned int moments;	/* of them, moments that count without @all */
	unsigned int first;	/* the first that opened the module's device or XenStore; 0 none */
	enum moment moment;	/* how it was struck */
	char call[160];		/* the call at which it was struck */
	char said[4096];	/* what the command printed, both streams */
	struct call *list;	/* when not NULL, all of @calls are described here; free() it */
};

/*
 * Runs @argv under ptrace(2).  A command that takes longer than @limit seconds is an error.
 * @run->list is filled when nothing is to be struck.
 */
void run_traced(char *const argv[], const struct strike *strike, unsigned int limit, struct run *run);

/* Starts @argv with both its streams in the file @out, which collect() reads and closes. */
pid_t start(char *const argv[], bool traced, int *out);
void collect(int out, char *said, size_t room);

/* Runs @argv in the ordinary way; its exit status, -1 when a signal ended it. */
int run_plain(char *const argv[], char *said, size_t room);

/* --------------------------------------------------------------- proxy.c */

enum fault {
	SLOW,		/* every request takes @number milliseconds longer */
	FULL,		/* the @number-th that makes or changes a node is refused with ENOSPC */
	CONTENDED,	/* the first @number commits meet a conflict */
	GONE,		/* the connection breaks at the @number-th request, and there is no other */
};

/* Runs @argv with a XenStore that has this fault; struck is whether it came to that. */
void run_with_fault(char *const argv[], enum fault fault, unsigned int number, unsigned int limit,
		    struct run *run);

/* --------------------------------------------------------------- truth.c */

/* What the module and XenStore say of the one grant there may be. */
struct truth {
	unsigned int nr_grants;		/* the module's */
	unsigned long long id;
	unsigned int nr_mapped;
	const char *state;		/* the word `list` must use; "none" */
};

void truth_open(void);
void truth_now(struct truth *truth);

/* Does the JSON of `list` say that? */
bool truth_told(const struct truth *truth, const char *json);

/* XenStore with permissions, /proc/iomem and the module's counts as one text; free() it. */
char *snapshot(void);

/* ------------------------------------------------------------------- both */

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
