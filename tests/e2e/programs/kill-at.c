// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends a command before and after each of its system calls, and looks each time at what it left.
 *
 *   kill-at [OPTION...] COMMAND...
 *
 *   --prepare=COMMAND   before each run; must succeed
 *   --repair=COMMAND    after each run; must succeed and leave everything as it was at the start
 *   --xenstore=FAULT    instead of a signal XenStore fails: "full" and "gone" at each request in
 *                       turn, "contended" at the first 50 commits, "slow" by 300 ms a request;
 *                       the command must say so and roll back, or have done its work
 *   --signal=INT        interrupt instead of kill: the command must roll back and exit 130, or
 *                       have finished
 *   --all               at every call; else only at the moments when it says something to the
 *                       module or to XenStore
 *   --idle=SECONDS      the command is a service, which has done its work when it does nothing any
 *                       more for so long
 *   --first=N, --step=N from the Nth on, and every Nth only
 *
 * One line a run: number, moment, call, how the command ended, what `list` says then; and between
 * them one line for each call that was not struck because it says nothing.  What is wrong begins
 * with FAIL.  The last line counts; exit status 1 when anything failed.
 *
 * Killed at the entry of a system call a process does not execute it (the kernel looks for a fatal
 * signal there), so "before" and "after" are exact.  To everybody else, before and after a call that
 * says nothing are the same moment, which is why such calls are left out by default.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kill-at.h"

#define LIMIT 60	/* seconds a run may take; emulation is slow */

static char *prepare[32], *repair[32];
static char *const list[] = { "xen-iomemgrant", "--json", "list", NULL };
static int signal_number = SIGKILL;
static bool all;
static unsigned int first = 1, step = 1, idle;
static const char *const faults[] = { "slow", "full", "contended", "gone" };
static int fault = -1;

static char *before;		/* the snapshot everything must come back to */
static unsigned int runs, failures;
static char said[65536];
static struct call *calls;	/* of the undisturbed run */
static unsigned int nr_calls, told;	/* and up to which of them the matrix has come */

void die(const char *format, ...)
{
	va_list arguments;

	fputs("kill-at: ", stdout);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	exit(99);
}

static void split(char *text, char **words, size_t room)
{
	size_t nr = 0;

	for (char *word = strtok(text, " "); word && nr < room - 1; word = strtok(NULL, " "))
		words[nr++] = word;
	words[nr] = NULL;
}

static void fail(const char *what, const char *detail)
{
	failures++;
	printf("FAIL %s\n%s%s", what, detail, *detail && detail[strlen(detail) - 1] != '\n' ? "\n" : "");
}

static void show_difference(const char *a, const char *b)
{
	FILE *one = fopen("/tmp/kill-at.before", "w"), *two = fopen("/tmp/kill-at.after", "w");

	if (!one || !two)
		die("cannot write to /tmp");
	fputs(a, one);
	fputs(b, two);
	fclose(one);
	fclose(two);
	fflush(stdout);
	if (system("diff /tmp/kill-at.before /tmp/kill-at.after") < 0)
		puts("(no diff here)");
}

/* The guest answers in its own time: true at last is true. */
static bool as_before(unsigned int tries)
{
	for (;;) {
		char *now = snapshot();
		bool same = !strcmp(now, before);

		if (!same && tries == 0)
			show_difference(before, now);
		free(now);
		if (same)
			return true;
		if (tries-- == 0)
			return false;
		usleep(50000);
	}
}

/* `list` between two looks at the truth: it must tell one of them. */
static const char *check_list(void)
{
	static struct truth earlier, later;
	char detail[200];

	for (int try = 0; try < 3; try++) {
		int rc;

		truth_now(&earlier);
		rc = run_plain(list, said, sizeof(said));
		truth_now(&later);
		if (rc) {
			fail("list failed", said);
			return "?";
		}
		if (truth_told(&earlier, said) || truth_told(&later, said))
			return later.state;
	}
	snprintf(detail, sizeof(detail), "module and XenStore: id %llu, %s, %u mapped", later.id,
		 later.state, later.nr_mapped);
	fail(detail, said);
	return later.state;
}

/* An interrupted command has finished, or has taken back what it began. */
static const char *check_interrupted(const struct run *run)
{
	struct truth truth;

	if (run->killed ? run->status != SIGINT : run->status != 130 && run->status != 0)
		fail("neither finished nor interrupted", run->said);
	if (prepare[0])
		return check_list();	/* of a revocation what is done is done */
	truth_now(&truth);
	if (!run->killed && run->status == 0) {
		if (truth.nr_grants != 1)
			fail("said it had granted, but nothing is", run->said);
	} else if (!as_before(0)) {
		fail("not rolled back", run->said);
	}
	return check_list();
}

static void put_back(void)
{
	int rc = run_plain(repair, said, sizeof(said));

	if (rc)
		fail("repair failed", said);
	if (!as_before(60))
		fail("not as before", "");
}

/* What each fault must end in, and what the command must have said of it. */
static const char *check_faulty(const struct run *run)
{
	static const struct { int status; const char *slug; } ends[] = {
		[SLOW] = { 0, "" }, [FULL] = { 7, "[xenstore-quota]" }, [CONTENDED] = { 0, "" },
		[GONE] = { 9, "[no-xenstore]" },
	};

	if (run->killed || run->status != ends[fault].status || !strstr(run->said, ends[fault].slug))
		fail("ended in another way", run->said);
	if (fault == FULL && !prepare[0] && !as_before(0))
		fail("not rolled back", run->said);
	return check_list();
}

static void strike_command(char *const command[], unsigned int number, enum moment moment, struct run *run)
{
	struct strike strike = { all, number, moment, signal_number, idle };

	if (fault < 0)
		run_traced(command, &strike, LIMIT, run);
	else
		run_with_fault(command, fault, number, 2 * LIMIT, run);
}

/*
 * The calls between the last moment and this one, which say nothing: to others the command is the same before and after
 * each of them as at the moment before.
 */
static void tell_silent(unsigned int up_to)
{
	for (; told < up_to && told < nr_calls; told++) {
		if (!calls[told].speaks)
			printf("%4u silent %s\n", told + 1, calls[told].name);
	}
}

static bool one_run(char *const command[], unsigned int number, enum moment moment, struct run *run)
{
	const char *state;

	if (prepare[0] && run_plain(prepare, said, sizeof(said)))
		die("%s failed: %s", prepare[0], said);
	strike_command(command, number, moment, run);
	if (!run->struck && moment == BEFORE)
		return false;	/* it has no such call: the end */
	runs++;
	state = fault >= 0 ? check_faulty(run) : signal_number == SIGINT && run->struck ? check_interrupted(run) : check_list();
	put_back();
	if (!all && fault < 0)
		tell_silent(run->calls - 1);
	printf("%4u %-6s %-60s %s %d, %s\n", run->calls, run->moment == BEFORE ? "before" : "after",
	       run->call, !run->struck ? "never returned; exit" : run->killed ? "signal" : "exit",
	       run->status, state);
	fflush(stdout);
	return true;
}

static int fault_named(const char *name)
{
	for (int i = 0; i < 4; i++)
		if (!strcmp(name, faults[i]))
			return i;
	die("no fault '%s'", name);
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "prepare", required_argument, NULL, 'p' }, { "repair", required_argument, NULL, 'r' },
		{ "signal", required_argument, NULL, 's' }, { "xenstore", required_argument, NULL, 'x' },
		{ "all", no_argument, NULL, 'a' },
		{ "first", required_argument, NULL, '1' },
		{ "step", required_argument, NULL, 'n' }, { "idle", required_argument, NULL, 'i' },
		{ 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'p': split(optarg, prepare, 32); break;
		case 'r': split(optarg, repair, 32); break;
		case 's': signal_number = strcmp(optarg, "INT") ? SIGKILL : SIGINT; break;
		case 'x': fault = fault_named(optarg); break;
		case 'a': all = true; break;
		case '1': first = (unsigned int)atoi(optarg); break;
		case 'i': idle = (unsigned int)atoi(optarg); break;
		case 'n': step = (unsigned int)atoi(optarg); break;
		default: exit(2);
		}
	}
	if (optind == argc || !repair[0] || !step)
		die("usage: kill-at --repair=COMMAND [OPTION...] COMMAND...");
}

int main(int argc, char **argv)
{
	struct strike watch = { .number = 0 };
	struct timespec begin, end;
	struct run run;

	parse(argc, argv);
	truth_open();
	before = snapshot();
	clock_gettime(CLOCK_MONOTONIC, &begin);

	watch.idle = idle;

	/* Undisturbed once: it must work, and tells where the first effect can be. */
	if (prepare[0] && run_plain(prepare, said, sizeof(said)))
		die("%s failed: %s", prepare[0], said);
	run_traced(argv + optind, &watch, LIMIT, &run);
	if (run.killed || run.status)
		die("undisturbed it ends with %d: %s", run.status, run.said);
	printf("undisturbed: %u calls, the first that opens something is number %u, %u moments\n", run.calls,
	       run.first, run.moments);
	calls = run.list;
	nr_calls = run.calls;
	put_back();

	/* These two have no place: one run each. */
	if (fault == SLOW || fault == CONTENDED)
		one_run(argv + optind, fault == SLOW ? 300 : 50, BEFORE, &run);
	else for (unsigned int number = first; one_run(argv + optind, number, BEFORE, &run); number += step) {
		if (all)
			one_run(argv + optind, number, AFTER, &run);
	}
	if (!all && fault < 0)
		tell_silent(nr_calls);
	put_back();
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%u runs, %u failures, %ld s\n", runs, failures, (long)(end.tv_sec - begin.tv_sec));
	return failures != 0;
}
