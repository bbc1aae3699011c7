// SPDX-License-Identifier: GPL-2.0-or-later
/* What module, XenStore and kernel say, asked for directly and compared with what `list` says. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/iomemgrant.h>
#include <xenstore.h>

#include "kill-at.h"

static int module_fd;
static struct xs_handle *store;

void truth_open(void)
{
	module_fd = open(IOMEMGRANT_DEVICE, O_RDWR | O_CLOEXEC);
	if (module_fd < 0)
		die("%s: %s", IOMEMGRANT_DEVICE, strerror(errno));
	store = xs_open(0);
	if (!store)
		die("no XenStore: %s", strerror(errno));
}

/* The first grandchild of dom0's backend/iomem and its state; false when there is none. */
static bool publication(unsigned long long *id, int *state)
{
	const char *base = "/local/domain/0/backend/iomem";
	unsigned int nr = 0, children = 0;
	char path[200];
	char **domains = xs_directory(store, XBT_NULL, base, &nr);
	bool found = false;

	for (unsigned int i = 0; domains && i < nr && !found; i++) {
		char **ids;

		snprintf(path, sizeof(path), "%s/%s", base, domains[i]);
		ids = xs_directory(store, XBT_NULL, path, &children);
		if (ids && children) {
			char *value;

			*id = strtoull(ids[0], NULL, 10);
			snprintf(path, sizeof(path), "%s/%s/%s/state", base, domains[i], ids[0]);
			value = xs_read(store, XBT_NULL, path, NULL);
			*state = value ? atoi(value) : -1;
			free(value);
			found = true;
		}
		free(ids);
	}
	free(domains);
	return found;
}

void truth_now(struct truth *truth)
{
	struct iomemgrant_entry entry = { 0 };
	struct iomemgrant_list list = {
		.size = sizeof(list), .nr = 1, .entries = (unsigned long)&entry,
		.entry_size = sizeof(entry),
	};
	unsigned long long published_id = 0;
	int state = -1;
	bool published;

	memset(truth, 0, sizeof(*truth));
	if (ioctl(module_fd, IOMEMGRANT_IOC_LIST, &list))
		die("LIST: %s", strerror(errno));
	published = publication(&published_id, &state);
	truth->nr_grants = list.nr;
	truth->state = "none";
	if (list.nr) {
		truth->id = entry.id;
		truth->nr_mapped = entry.nr_mapped;
		if (entry.state == IOMEMGRANT_ENDING || (published && state >= 5))
			truth->state = "revoking";
		else if (entry.nr_mapped)
			truth->state = "mapped";
		else
			truth->state = published ? "offered" : "unpublished";
	} else if (published) {
		truth->id = published_id;
		truth->state = "orphaned";
	}
}

/* The grants are a list of flat objects and of objects one level deep; one grant at most is enough. */
bool truth_told(const struct truth *truth, const char *json)
{
	const char *grants = strstr(json, "\"grants\":[");
	char want[100];

	if (!grants)
		return false;
	if (!strcmp(truth->state, "none"))
		return !strncmp(grants, "\"grants\":[]", 11);
	snprintf(want, sizeof(want), "\"grants\":[{\"id\":%llu,", truth->id);
	if (strncmp(grants, want, strlen(want)))
		return false;
	snprintf(want, sizeof(want), "\"state\":\"%s\",\"mapped_pages\":%u,", truth->state,
		 truth->nr_mapped);
	return strstr(grants, want) != NULL;
}

/* ---------------------------------------------------------------- snapshot */

static void add_node(FILE *text, const char *path)
{
	unsigned int nr = 0, length = 0;
	struct xs_permissions *permissions = xs_get_permissions(store, XBT_NULL, path, &nr);
	char *value = xs_read(store, XBT_NULL, path, &length);
	char child[1024];
	char **names;

	fprintf(text, "%s = \"%s\" (", path, value ? value : "?");
	for (unsigned int i = 0; permissions && i < nr; i++)
		fprintf(text, "%u:%u,", permissions[i].id, permissions[i].perms);
	fputs(")\n", text);
	free(permissions);
	free(value);

	nr = 0;
	names = xs_directory(store, XBT_NULL, path, &nr);
	for (unsigned int i = 0; names && i < nr; i++) {
		snprintf(child, sizeof(child), "%s/%s", strcmp(path, "/") ? path : "", names[i]);
		add_node(text, child);
	}
	free(names);
}

static void add_file(FILE *text, const char *path)
{
	char line[400];
	FILE *file = fopen(path, "r");

	if (!file)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		fputs(line, text);
	fclose(file);
}

char *snapshot(void)
{
	struct iomemgrant_info info = { .size = sizeof(info) };
	char *buffer = NULL;
	size_t size = 0;
	FILE *text = open_memstream(&buffer, &size);

	if (!text)
		die("open_memstream: %s", strerror(errno));
	if (ioctl(module_fd, IOMEMGRANT_IOC_INFO, &info))
		die("INFO: %s", strerror(errno));
	fprintf(text, "refs=%u grants=%u\n", info.nr_refs, info.nr_grants);
	add_file(text, "/proc/iomem");
	add_node(text, "/local");
	if (fclose(text))
		die("snapshot: %s", strerror(errno));
	return buffer;
}
