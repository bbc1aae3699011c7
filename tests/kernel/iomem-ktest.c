// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of xen_iomemgrant, run inside the domains of the bench.
 *
 *	iomem-ktest info			what the module says of itself
 *	iomem-ktest grant DOMID BDF BAR OFFSET LENGTH [ALLOW [FLAGS]]
 *						a grant that persists: prints ID FIRST-REF
 *	iomem-ktest end ID [wait]
 *	iomem-ktest list
 *	iomem-ktest dom0 DOMID BDF BAR		cases of the granting half; BAR of 16 pages or
 *						more, nothing granted from it
 *	iomem-ktest msix DOMID BDF BAR TABLE-PAGE PBA-PAGE
 *	iomem-ktest fuzz DOMID BDF BAR CALLS SEED
 *	iomem-ktest guest FIRST-REF NR EXPECTED	cases of the mapping half; EXPECTED is the
 *						first 32 bit word of the first page
 *	iomem-ktest remap FIRST-REF NR GO	maps; when the file GO exists, unmaps and tries to
 *						map again
 *	iomem-ktest node PATH LENGTH		cases of a device node
 *	iomem-ktest kcore			reads the module's areas of kernel memory
 *
 * Exit: 0 no failure, 1 failures, 2 usage, 99 the environment is broken.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ktest.h"

int ktest_failures;

int open_device(void)
{
	int fd = open(IOMEMGRANT_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		fprintf(stderr, "%s: %s\n", IOMEMGRANT_DEVICE, strerror(errno));
		exit(99);
	}
	return fd;
}

int parse_target(struct target *t, const char *domid, const char *bdf, const char *bar)
{
	unsigned int segment, bus, device, function;

	if (sscanf(bdf, "%x:%x:%x.%u", &segment, &bus, &device, &function) != 4)
		return -1;
	t->domid = atoi(domid);
	t->segment = segment;
	t->bus = bus;
	t->devfn = device << 3 | function;
	t->bar = atoi(bar);
	return 0;
}

struct iomemgrant_grant request(const struct target *t, uint64_t offset, uint64_t length)
{
	struct iomemgrant_grant g = {
		.size = sizeof(g),
		.segment = t->segment,
		.bus = t->bus,
		.devfn = t->devfn,
		.bar = t->bar,
		.domid = t->domid,
		.offset = offset,
		.length = length,
	};

	return g;
}

int end_grant(int fd, uint64_t id)
{
	struct iomemgrant_end e = { .size = sizeof(e), .id = id };

	return call(fd, IOMEMGRANT_IOC_END, &e);
}

bool hypervisor_can(int fd)
{
	struct iomemgrant_info info = { .size = sizeof(info) };

	return !call(fd, IOMEMGRANT_IOC_INFO, &info) && info.caps & IOMEMGRANT_CAP_HYPERVISOR;
}

static int do_info(void)
{
	struct iomemgrant_info info = { .size = sizeof(info) };

	if (call(open_device(), IOMEMGRANT_IOC_INFO, &info)) {
		perror("INFO");
		return 1;
	}
	printf("api=%u grant=%d hypervisor=%d translated=%d mapped-count=%d locked-down=%d "
	       "gnttab=%u max-pages=%u max-refs=%u refs=%u grants=%u frames=%u max-frames=%u "
	       "headroom=%u refs-per-frame=%u refs-left=%u\n",
	       info.api_version, !!(info.caps & IOMEMGRANT_CAP_GRANT),
	       !!(info.caps & IOMEMGRANT_CAP_HYPERVISOR),
	       !!(info.caps & IOMEMGRANT_CAP_TRANSLATED),
	       !!(info.caps & IOMEMGRANT_CAP_MAPPED_COUNT),
	       !!(info.caps & IOMEMGRANT_CAP_LOCKED_DOWN), info.gnttab_version, info.max_pages,
	       info.max_refs, info.nr_refs, info.nr_grants, info.frames, info.max_frames,
	       info.headroom, info.refs_per_frame, info.refs_left);
	return 0;
}

static int do_grant(const struct target *t, char **arg, int nr)
{
	struct iomemgrant_grant g = request(t, strtoull(arg[0], NULL, 0),
					    strtoull(arg[1], NULL, 0));

	g.allow = nr > 2 ? strtoul(arg[2], NULL, 0) : 0;
	g.flags = nr > 3 ? strtoul(arg[3], NULL, 0) : IOMEMGRANT_PERSIST;
	if (call(open_device(), IOMEMGRANT_IOC_GRANT, &g)) {
		perror("GRANT");
		return 1;
	}
	printf("%llu %u\n", (unsigned long long)g.id, g.first_ref);
	return 0;
}

static int do_end(const char *id, bool wait)
{
	struct iomemgrant_end e = {
		.size = sizeof(e),
		.id = strtoull(id, NULL, 0),
		.flags = wait ? IOMEMGRANT_END_WAIT : 0,
	};
	int rc = call(open_device(), IOMEMGRANT_IOC_END, &e);

	printf("%s state=%u\n", rc ? strerror(rc) : "ended", e.state);
	return rc != 0;
}

static int do_list(void)
{
	static struct iomemgrant_entry entries[256];
	struct iomemgrant_list list = {
		.size = sizeof(list),
		.nr = 256,
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(entries[0]),
	};

	if (call(open_device(), IOMEMGRANT_IOC_LIST, &list)) {
		perror("LIST");
		return 1;
	}
	for (uint32_t i = 0; i < list.nr && i < 256; i++) {
		const struct iomemgrant_entry *e = &entries[i];

		printf("id=%llu domid=%u %04x:%02x:%02x.%u/%u@%#llx+%#llx address=%#llx refs=%u+%u "
		       "mapped=%u state=%u uuid=%02x%02x..%02x lost=%u changes=%u label=%s\n",
		       (unsigned long long)e->id, e->domid, e->segment, e->bus, e->devfn >> 3,
		       e->devfn & 7, e->bar, (unsigned long long)e->offset,
		       (unsigned long long)e->length, (unsigned long long)e->address, e->first_ref,
		       e->nr_refs, e->nr_mapped, e->state, e->uuid[0], e->uuid[1], e->uuid[15],
		       e->lost_reason, e->changes, e->label[0] ? e->label : "-");
	}
	return 0;
}

static int finish(void)
{
	printf("%s: %d failed\n", ktest_failures ? "FAILED" : "OK", ktest_failures);
	return ktest_failures != 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	bool has_target;
	struct target t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(verb, "info"))
		return do_info();
	if (!strcmp(verb, "list"))
		return do_list();
	if (!strcmp(verb, "end") && argc >= 3)
		return do_end(argv[2], argc > 3);
	if (!strcmp(verb, "guest") && argc == 5) {
		map_cases(atoi(argv[2]), atoi(argv[3]), strtoul(argv[4], NULL, 0));
		return finish();
	}
	if (!strcmp(verb, "remap") && argc == 5) {
		remap_cases(atoi(argv[2]), atoi(argv[3]), argv[4]);
		return finish();
	}
	if (!strcmp(verb, "node") && argc == 4) {
		node_cases(argv[2], strtoull(argv[3], NULL, 0));
		return finish();
	}
	if (!strcmp(verb, "kcore")) {
		kcore_cases();
		return finish();
	}
	has_target = argc >= 5 && !parse_target(&t, argv[2], argv[3], argv[4]);
	if (has_target && !strcmp(verb, "grant") && argc >= 7)
		return do_grant(&t, argv + 5, argc - 5);
	if (has_target && !strcmp(verb, "dom0")) {
		grant_cases(&t);
		return finish();
	}
	if (has_target && !strcmp(verb, "msix") && argc == 7) {
		msix_cases(&t, strtoull(argv[5], NULL, 0), strtoull(argv[6], NULL, 0));
		return finish();
	}
	if (has_target && !strcmp(verb, "fuzz") && argc == 7)
		return fuzz_cases(&t, strtoul(argv[5], NULL, 0), atoi(argv[6])) || finish();
	fprintf(stderr, "usage: the head of iomem-ktest.c has the verbs\n");
	return 2;
}
