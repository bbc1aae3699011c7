// SPDX-License-Identifier: GPL-2.0-only
/*
 * Publishes offers in XenStore exactly as told, however malformed, and says what the
 * guest made of each.  Runs in the bench's dom0, next to no other granter.
 *
 *	iomem-offer DOMID < OFFERS
 *
 * An offer is a line "ID LIMIT-MS NODE=HEX ...": the number of the grant, then nodes as
 * b/NAME in the backend's directory and f/NAME in the guest's, values in hexadecimal.
 * What is not listed is not written, but for the guest's state, 1 unless given.
 *
 * For each it prints "ID STATE MAPPED-PAGES ERROR", the last two "-" when absent, once
 * the guest is at state 4 or 6 or LIMIT-MS have passed, then withdraws the offer.
 * "busy" as STATE: the guest did not let go of a withdrawn offer within ten seconds.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenstore.h>

static struct xs_handle *xs;
static int domid;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int unhex(const char *text, char *out)
{
	int n = 0;
	unsigned int byte;

	while (sscanf(text, "%2x", &byte) == 1) {
		out[n++] = byte;
		text += 2;
		if (!text[-1])
			break;
	}
	return n;
}

static void put(xs_transaction_t t, const char *path, const char *value, int length, bool guests)
{
	struct xs_permissions perms[2] = {
		{ .id = guests ? domid : 0, .perms = XS_PERM_NONE },
		{ .id = guests ? 0 : domid, .perms = XS_PERM_READ },
	};

	if (value ? !xs_write(xs, t, path, value, length) : !xs_mkdir(xs, t, path))
		die(path);
	if (!xs_set_permissions(xs, t, path, perms, 2))
		die(path);
}

static void publish(const char *offer, const char *backend, const char *frontend)
{
	static char text[16384]; char path[512], value[8192], parent[256];
	xs_transaction_t t;
	char *word, *equals, *rest;

	do {
		t = xs_transaction_start(xs);
		put(t, "/local/domain/0/backend/iomem", NULL, 0, false);
		snprintf(parent, sizeof(parent), "/local/domain/0/backend/iomem/%d", domid);
		put(t, parent, NULL, 0, false);
		snprintf(parent, sizeof(parent), "/local/domain/%d/device/iomem", domid);
		put(t, parent, NULL, 0, false);
		put(t, backend, NULL, 0, false);
		put(t, frontend, NULL, 0, true);
		snprintf(path, sizeof(path), "%s/state", frontend);
		put(t, path, "1", 1, true);
		snprintf(text, sizeof(text), "%s", offer);
		for (word = strtok_r(text, " \n", &rest); word;
		     word = strtok_r(NULL, " \n", &rest)) {
			equals = strchr(word, '=');
			if (!equals || word[1] != '/')
				die(word);
			*equals = '\0';
			snprintf(path, sizeof(path), "%s/%s",
				 *word == 'b' ? backend : frontend, word + 2);
			put(t, path, value, unhex(equals + 1, value), *word != 'b');
		}
	} while (!xs_transaction_end(xs, t, false) && errno == EAGAIN);
}

static char *read_node(const char *dir, const char *name)
{
	char path[512];
	unsigned int length;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return xs_read(xs, XBT_NULL, path, &length);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until the state is one of @wanted; false at the limit. */
static bool wait_for(const char *frontend, const char *wanted, long limit_ms)
{
	long end = now_ms() + limit_ms;
	char path[512];
	bool there = false;

	snprintf(path, sizeof(path), "%s/state", frontend);
	xs_watch(xs, path, "state");
	for (;;) {
		struct pollfd event = { .fd = xs_fileno(xs), .events = POLLIN };
		char *state = read_node(frontend, "state");
		char **seen;

		there = state && *state && strchr(wanted, *state);
		free(state);
		if (there || now_ms() >= end)
			break;
		poll(&event, 1, end - now_ms());
		while ((seen = xs_check_watch(xs)))
			free(seen);
	}
	xs_unwatch(xs, path, "state");
	return there;
}

static void withdraw(const char *backend, const char *frontend)
{
	char path[256], **left;
	unsigned int nr;

	xs_rm(xs, XBT_NULL, frontend);
	xs_rm(xs, XBT_NULL, backend);
	snprintf(path, sizeof(path), "/local/domain/0/backend/iomem/%d", domid);
	left = xs_directory(xs, XBT_NULL, path, &nr);
	if (left && !nr)
		xs_rm(xs, XBT_NULL, path);
	free(left);
	left = xs_directory(xs, XBT_NULL, "/local/domain/0/backend/iomem", &nr);
	if (left && !nr)
		xs_rm(xs, XBT_NULL, "/local/domain/0/backend/iomem");
	free(left);
	snprintf(path, sizeof(path), "/local/domain/%d/device/iomem", domid);
	left = xs_directory(xs, XBT_NULL, path, &nr);
	if (left && !nr)
		xs_rm(xs, XBT_NULL, path);
	free(left);
}

static void one(char *offer)
{
	unsigned long long id = strtoull(offer, &offer, 10);
	long limit_ms = strtol(offer, &offer, 10);
	char backend[128], frontend[128], path[256];
	char *state, *mapped, *error;

	snprintf(backend, sizeof(backend), "/local/domain/0/backend/iomem/%d/%llu", domid, id);
	snprintf(frontend, sizeof(frontend), "/local/domain/%d/device/iomem/%llu", domid, id);
	publish(offer, backend, frontend);
	wait_for(frontend, "46", limit_ms);
	state = read_node(frontend, "state");
	mapped = read_node(frontend, "mapped-pages");
	error = read_node(frontend, "error");
	snprintf(path, sizeof(path), "%s/state", backend);
	xs_write(xs, XBT_NULL, path, "5", 1);
	if (state && *state == '4' && !wait_for(frontend, "6", 10000)) {
		free(state);
		state = strdup("busy");
	}
	printf("%llu %s %s %s\n", id, state && *state ? state : "-", mapped ? mapped : "-",
	       error ? error : "-");
	fflush(stdout);
	withdraw(backend, frontend);
	free(state);
	free(mapped);
	free(error);
}

int main(int argc, char **argv)
{
	static char line[16384];

	if (argc != 2) {
		fprintf(stderr, "usage: iomem-offer DOMID < OFFERS\n");
		return 2;
	}
	domid = atoi(argv[1]);
	xs = xs_open(0);
	if (!xs)
		die("xenstore");
	while (fgets(line, sizeof(line), stdin))
		one(line);
	xs_close(xs);
	return 0;
}
