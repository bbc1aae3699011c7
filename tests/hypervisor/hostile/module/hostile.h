/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks are programs: lines of text, compiled once, and run once or in a loop by
 * a thread on a CPU of its choice.  "a,b=gmap 0 8 0x20 0" keeps the first two results.
 * $a ... $z belong to the program, $A ... $Z to all of them.  What is an argument
 * may be a sum: $p+8.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <linux/atomic.h>
#include <linux/types.h>

#define MAX_ARGS 6
#define MAX_RESULTS 4
#define MAX_TERMS 3
#define MAX_LINES 512
#define COUNTERS 32

struct program;

struct term {
	s8 var; /* -1: the constant */
	u64 constant;
};

struct line {
	const struct op *op;
	s8 into[MAX_RESULTS];
	struct term args[MAX_ARGS][MAX_TERMS];
	u8 nr_args;
	char *data; /* of ops that take text */
};

struct program {
	unsigned int count;
	struct line *lines;
	u64 vars[26];
	unsigned int skip;
	u64 random;
};

struct op {
	const char *name;
	u8 results;
	bool text; /* the last argument is kept as text */
	void (*run)(struct program *p, struct line *l, u64 *arg, u64 *out);
};

extern const struct op basic_ops[], xen_ops[], fuzz_ops[];
extern atomic64_t counters[COUNTERS];

struct program *program_compile(char *text, const char **error);
void program_free(struct program *p);
/* Runs all lines; with a buffer, prints what they return, one line each. */
size_t program_run(struct program *p, char *buffer, size_t size);
u64 next_random(u64 *state);

/* Loops of programs. */
int thread_start(struct program *p, unsigned int cpu);
void threads_stop(void);

/* The instruction itself, so that no argument is looked at on the way. */
long hypercall(unsigned int nr, u64 a, u64 b, u64 c, u64 d, u64 e);
/* Where something of ours is in the machine's addresses, or a guest's physical ones. */
u64 machine_address(void *p);
/* Stores and loads that may fault. */
int try_store(u64 va, unsigned int size, u64 value);
int try_load(u64 va, unsigned int size, u64 *value);

#endif
