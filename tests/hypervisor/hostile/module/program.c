// SPDX-License-Identifier: GPL-2.0-or-later
/* Compiling and running programs; hostile.h says what they look like. */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "hostile.h"

static u64 shared_vars[26];

u64 next_random(u64 *state)
{
	u64 x = *state ?: 88172645463325252ULL;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return *state = x;
}

static const struct op *find(const char *name)
{
	const struct op *const tables[] = {basic_ops, xen_ops, fuzz_ops};
	const struct op *op;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(tables); n++)
		for (op = tables[n]; op->name; op++)
			if (!strcmp(op->name, name))
				return op;
	return NULL;
}

/* 0 ... 25 are the program's own, 26 ... 51 everybody's. */
static int variable(char c)
{
	return islower(c) ? c - 'a' : isupper(c) ? c - 'A' + 26 : -1;
}

static bool parse_argument(char *text, struct term *terms)
{
	unsigned int n = 0;
	char *part;

	while ((part = strsep(&text, "+"))) {
		if (n == MAX_TERMS)
			return false;
		terms[n].var = -1;
		if (part[0] == '$') {
			terms[n].var = variable(part[1]);
			if (terms[n].var < 0)
				return false;
		} else if (kstrtou64(part, 0, &terms[n].constant) &&
			   kstrtos64(part, 0, (s64 *)&terms[n].constant)) {
			return false;
		}
		n++;
	}
	return true;
}

static bool parse_line(char *text, struct line *l)
{
	char *word, *into = NULL, *equals = strchr(text, '=');
	unsigned int n, t;

	for (n = 0; n < MAX_RESULTS; n++)
		l->into[n] = -1;
	for (n = 0; n < MAX_ARGS; n++)
		for (t = 0; t < MAX_TERMS; t++)
			l->args[n][t].var = -1;
	if (equals) {
		*equals = 0;
		into = text;
		text = equals + 1;
		for (n = 0; n < MAX_RESULTS && (word = strsep(&into, ",")); n++)
			if (*word != '-')
				l->into[n] = variable(*word);
	}
	word = strsep(&text, " ");
	l->op = find(word);
	if (!l->op)
		return false;
	while (text && (word = strsep(&text, " "))) {
		if (!*word)
			continue;
		if (l->op->text && l->nr_args == 1) {
			l->data = word;
			continue;
		}
		if (l->nr_args == MAX_ARGS || !parse_argument(word, l->args[l->nr_args]))
			return false;
		l->nr_args++;
	}
	return true;
}

struct program *program_compile(char *text, const char **error)
{
	struct program *p = kzalloc(sizeof(*p), GFP_KERNEL);
	char *line;

	if (!p)
		return NULL;
	p->lines = vzalloc(sizeof(*p->lines) * MAX_LINES);
	if (!p->lines)
		goto fail;
	while ((line = strsep(&text, "\n"))) {
		char *data;

		if (!*line || *line == '#')
			continue;
		*error = line;
		if (p->count == MAX_LINES || !parse_line(line, &p->lines[p->count]))
			goto fail;
		data = p->lines[p->count++].data;
		if (data) {
			data = kstrdup(data, GFP_KERNEL);
			p->lines[p->count - 1].data = data;
			if (!data)
				goto fail;
		}
	}
	return p;
fail:
	program_free(p);
	return NULL;
}

void program_free(struct program *p)
{
	unsigned int n;

	for (n = 0; p->lines && n < p->count; n++)
		kfree(p->lines[n].data);
	vfree(p->lines);
	kfree(p);
}

static u64 *place(struct program *p, int var)
{
	return var < 26 ? &p->vars[var] : &shared_vars[var - 26];
}

static u64 evaluate(struct program *p, const struct term *terms)
{
	u64 sum = 0;
	unsigned int n;

	for (n = 0; n < MAX_TERMS; n++)
		sum += terms[n].var < 0 ? terms[n].constant : READ_ONCE(*place(p, terms[n].var));
	return sum;
}

size_t program_run(struct program *p, char *buffer, size_t size)
{
	size_t used = 0;
	unsigned int n, i;

	for (n = 0; n < p->count; n++) {
		struct line *l = &p->lines[n];
		u64 arg[MAX_ARGS] = {}, out[MAX_RESULTS] = {};

		if (p->skip) {
			p->skip--;
			if (buffer)
				used += scnprintf(buffer + used, size - used, "skipped\n");
			continue;
		}
		for (i = 0; i < l->nr_args; i++)
			arg[i] = evaluate(p, l->args[i]);
		l->op->run(p, l, arg, out);
		for (i = 0; i < MAX_RESULTS; i++)
			if (l->into[i] >= 0)
				WRITE_ONCE(*place(p, l->into[i]), out[i]);
		if (buffer) {
			for (i = 0; i < l->op->results; i++)
				used += scnprintf(buffer + used, size - used, "%lld ", out[i]);
			used += scnprintf(buffer + used, size - used, "\n");
		}
		cond_resched();
	}
	p->skip = 0;
	return used;
}
