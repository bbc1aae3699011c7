// SPDX-License-Identifier: GPL-2.0-only
/* The granting half, in dom0. */
#include <stdlib.h>
#include <unistd.h>

#include "ktest.h"

#define PAGE 4096ULL

static int try_grant(int fd, struct iomemgrant_grant g)
{
	int rc = call(fd, IOMEMGRANT_IOC_GRANT, &g);

	if (!rc)
		end_grant(fd, g.id);
	return rc;
}

/* What the last of all checks says when everything before it passed. */
static int good(int fd)
{
	return hypervisor_can(fd) ? 0 : EOPNOTSUPP;
}

static void bad_structures(int fd, const struct target *t)
{
	struct { struct iomemgrant_grant g; uint64_t more[2]; } big = { .g = request(t, 0, PAGE) };
	struct iomemgrant_info info = { .size = sizeof(info) };
	struct iomemgrant_grant g;

	info.size = 28;
	CHECK_ERRNO("info too small", call(fd, IOMEMGRANT_IOC_INFO, &info), EINVAL);
	info.size = 0;
	CHECK_ERRNO("info of size 0", call(fd, IOMEMGRANT_IOC_INFO, &info), EINVAL);
	info.size = 1 << 20;
	CHECK_ERRNO("info of size 1M", call(fd, IOMEMGRANT_IOC_INFO, &info), E2BIG);
	CHECK_ERRNO("unknown command", call(fd, _IO('I', 0x7f), &info), ENOTTY);
	CHECK_ERRNO("bad address", call(fd, IOMEMGRANT_IOC_INFO, (void *)8), EFAULT);
	big.g.size = sizeof(big);
	CHECK_ERRNO("larger, rest zero", call(fd, IOMEMGRANT_IOC_GRANT, &big), good(fd));
	if (hypervisor_can(fd))
		end_grant(fd, big.g.id);
	big.g = request(t, 0, PAGE);
	big.g.size = sizeof(big);
	big.more[1] = 1;
	CHECK_ERRNO("larger, rest not zero", call(fd, IOMEMGRANT_IOC_GRANT, &big), E2BIG);
	g = request(t, 0, PAGE);
	g.flags = 1U << 31;
	CHECK_ERRNO("unknown flag", try_grant(fd, g), EINVAL);
	g = request(t, 0, PAGE);
	g.allow = 1U << 31;
	CHECK_ERRNO("unknown allow", try_grant(fd, g), EINVAL);
	g = request(t, 0, PAGE);
	g.reserved = 1;
	CHECK_ERRNO("reserved field", try_grant(fd, g), EINVAL);
	g = request(t, 0, PAGE);
	g.flags = IOMEMGRANT_READ_ONLY;
	CHECK_ERRNO("read-only", try_grant(fd, g), EOPNOTSUPP);
	g = request(t, 0, PAGE);
	g.allow = IOMEMGRANT_ALLOW_MSIX;
	CHECK_ERRNO("allow msix", try_grant(fd, g), EOPNOTSUPP);
	g = request(t, 0, PAGE);
	g.order = 1;
	CHECK_ERRNO("order", try_grant(fd, g), EOPNOTSUPP);
	g = request(t, 0, PAGE);
	g.refs = (uintptr_t)&info;
	g.nr_refs = 0;
	CHECK_ERRNO("no room for references", try_grant(fd, g), EINVAL);
}

static void bad_targets(int fd, const struct target *t)
{
	struct iomemgrant_grant g = request(t, 0, PAGE);

	g.domid = 0;
	CHECK_ERRNO("grant to this domain", try_grant(fd, g), EINVAL);
	g.domid = 0x7ff0;
	CHECK_ERRNO("grant to DOMID_SELF", try_grant(fd, g), EINVAL);
	g.domid = 0x7fe0;
	CHECK_ERRNO("grant to a domain that is not there", try_grant(fd, g), ESRCH);
	g = request(t, 0, PAGE);
	g.devfn = 0xff;
	CHECK_ERRNO("grant of a device that is not there", try_grant(fd, g), ENODEV);
	g = request(t, 0, PAGE);
	g.bar = 6;
	CHECK_ERRNO("bar 6", try_grant(fd, g), EINVAL);
	g.bar = 5;
	CHECK_ERRNO("a BAR the device has not", try_grant(fd, g), ENXIO);
	CHECK_ERRNO("unaligned offset", try_grant(fd, request(t, 8, PAGE)), EINVAL);
	CHECK_ERRNO("unaligned length", try_grant(fd, request(t, 0, 100)), EINVAL);
	CHECK_ERRNO("no length", try_grant(fd, request(t, 0, 0)), EINVAL);
	CHECK_ERRNO("past the end", try_grant(fd, request(t, 1ULL << 40, PAGE)), ERANGE);
	CHECK_ERRNO("wraps around", try_grant(fd, request(t, ~0xfffULL, PAGE)), ERANGE);
	CHECK_ERRNO("more than max_pages", try_grant(fd, request(t, 0, 1ULL << 40)), EFBIG);
	CHECK_ERRNO("end of nothing", end_grant(fd, 1), ENOENT);
}

/* INFO has grown: who was compiled before gets what he knows and not a byte more. */
static void info_sizes(int fd)
{
	struct iomemgrant_info info;

	memset(&info, 0, sizeof(info));
	info.size = IOMEMGRANT_INFO_SIZE_1;
	info.max_frames = 0x5a5a5a5a;
	CHECK_ERRNO("info of the first size", call(fd, IOMEMGRANT_IOC_INFO, &info), 0);
	CHECK("the rest is untouched", info.max_frames == 0x5a5a5a5a && info.max_pages != 0);
	info.size = IOMEMGRANT_INFO_SIZE_1 + 4;
	info.max_frames = 0x5a5a5a5a;
	CHECK_ERRNO("info of a size between", call(fd, IOMEMGRANT_IOC_INFO, &info), 0);
	CHECK("ends at its size", info.max_frames == 0x5a5a5a5a && info.frames != 0);
	info.size = sizeof(info);
	CHECK_ERRNO("info of this size", call(fd, IOMEMGRANT_IOC_INFO, &info), 0);
	CHECK("frames and headroom are told",
	      info.frames && info.frames <= info.max_frames && info.headroom < info.max_frames &&
	      (info.refs_per_frame == 512 || info.refs_per_frame == 256) && !info.reserved);
	CHECK("what is left is within both limits",
	      info.refs_left <= info.max_refs - info.nr_refs &&
	      info.refs_left <= (info.max_frames - info.headroom) * info.refs_per_frame);
}

/* GRANT and LIST have grown, too. */
static void grant_sizes(int fd, const struct target *t)
{
	struct { unsigned char bytes[IOMEMGRANT_ENTRY_SIZE_1], after[8]; } old;
	struct iomemgrant_list list = { .size = sizeof(list), .nr = 1 };
	struct iomemgrant_grant g = request(t, 0, PAGE);

	g.min_id = IOMEMGRANT_MIN_ID_MAX + 1;
	CHECK_ERRNO("a min_id that leaves no room", try_grant(fd, g), EINVAL);
	g = request(t, 0, PAGE);
	g.cache = 2;
	CHECK_ERRNO("a cache type that is not there", try_grant(fd, g), EINVAL);
	g = request(t, 0, PAGE);
	g.reserved2 = 1;
	CHECK_ERRNO("second reserved field", try_grant(fd, g), EINVAL);
	g = request(t, 0, PAGE);
	memset(g.label, 'x', sizeof(g.label));
	CHECK_ERRNO("a label without an end", try_grant(fd, g), EINVAL);
	strcpy(g.label, "a b");
	CHECK_ERRNO("a label with a blank", try_grant(fd, g), EINVAL);
	if (!hypervisor_can(fd)) {
		SKIP("grant of the first size", "this Xen has no GNTMAP_iomem_map");
		return;
	}
	g = request(t, 0, PAGE);
	g.size = IOMEMGRANT_GRANT_SIZE_1;
	g.min_id = ~0ULL;
	strcpy(g.label, "unseen");
	CHECK_ERRNO("grant of the first size", call(fd, IOMEMGRANT_IOC_GRANT, &g), 0);
	memset(&old, 0x5a, sizeof(old));
	list.entries = (uintptr_t)&old;
	list.entry_size = sizeof(old.bytes);
	CHECK_ERRNO("list with entries of the first size", call(fd, IOMEMGRANT_IOC_LIST, &list), 0);
	CHECK("ends at its size", old.after[0] == 0x5a && !memcmp(old.bytes, &g.id, sizeof(g.id)));
	end_grant(fd, g.id);
}

/* The last entry of the list. */
static struct iomemgrant_entry entry_of_last(int fd)
{
	static struct iomemgrant_entry entries[256];
	struct iomemgrant_list list = {
		.size = sizeof(list),
		.nr = 256,
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(entries[0]),
	};

	if (call(fd, IOMEMGRANT_IOC_LIST, &list) || !list.nr || list.nr > 256)
		memset(&entries[0], 0, sizeof(entries[0]));
	return entries[list.nr && list.nr <= 256 ? list.nr - 1 : 0];
}

static int set_label(int fd, uint64_t id, const char *text)
{
	struct iomemgrant_label label = { .size = sizeof(label), .id = id };

	strncpy(label.label, text, sizeof(label.label));
	return call(fd, IOMEMGRANT_IOC_LABEL, &label);
}

static void labels(int fd, const struct target *t)
{
	struct iomemgrant_grant one = request(t, 0, PAGE), two = request(t, PAGE, PAGE);
	struct iomemgrant_label label = { .size = sizeof(label), .reserved = 1 };
	struct iomemgrant_entry e;

	CHECK_ERRNO("label of nothing", set_label(fd, 1ULL << 60, "x"), ENOENT);
	CHECK_ERRNO("label, reserved field", call(fd, IOMEMGRANT_IOC_LABEL, &label), EINVAL);
	if (!hypervisor_can(fd)) {
		SKIP("labels", "this Xen has no GNTMAP_iomem_map");
		return;
	}
	strcpy(one.label, "first");
	one.cache = IOMEMGRANT_CACHE_WC;
	CHECK_ERRNO("grant with a label", call(fd, IOMEMGRANT_IOC_GRANT, &one), 0);
	e = entry_of_last(fd);
	CHECK("label, cache and age are listed",
	      e.id == one.id && !strcmp(e.label, "first") && e.cache == IOMEMGRANT_CACHE_WC &&
	      e.age < 60000000000ULL && !e.lost_reason && !e.changes && !e.reserved2);
	strcpy(two.label, "first");
	CHECK_ERRNO("the same label again", try_grant(fd, two), EALREADY);
	two.label[0] = 0;
	two.min_id = one.id + 100;
	CHECK_ERRNO("grant without a label", call(fd, IOMEMGRANT_IOC_GRANT, &two), 0);
	CHECK("its id is larger than min_id", two.id > two.min_id);
	CHECK_ERRNO("the label of another grant", set_label(fd, two.id, "first"), EALREADY);
	CHECK_ERRNO("a bad label", set_label(fd, two.id, "-x"), EINVAL);
	CHECK_ERRNO("a label of its own", set_label(fd, two.id, "second"), 0);
	CHECK("the new label is listed", !strcmp(entry_of_last(fd).label, "second"));
	CHECK_ERRNO("the label is taken away", set_label(fd, two.id, ""), 0);
	CHECK("none is listed", !entry_of_last(fd).label[0]);
	end_grant(fd, two.id);
	end_grant(fd, one.id);
}

static unsigned int nr_refs_held(int fd)
{
	struct iomemgrant_info info = { .size = sizeof(info) };

	return call(fd, IOMEMGRANT_IOC_INFO, &info) ? ~0U : info.nr_refs;
}

static void grant_and_end(int fd, const struct target *t)
{
	unsigned int before = nr_refs_held(fd);
	struct iomemgrant_grant g;
	uint64_t last = 0;
	uint32_t refs[16];
	int i, rc = 0;

	for (i = 0; i < 200 && !rc; i++) {
		g = request(t, (i % 4) * PAGE, (1 + i % 12) * PAGE);
		rc = call(fd, IOMEMGRANT_IOC_GRANT, &g);
		if (!rc && g.id <= last)
			rc = EEXIST;
		last = g.id;
		if (!rc)
			rc = end_grant(fd, g.id);
	}
	CHECK_ERRNO("200 times grant and end", rc, good(fd));
	CHECK("no reference is left", nr_refs_held(fd) == before);
	if (!hypervisor_can(fd)) {
		SKIP("references, overlap, owners", "this Xen has no GNTMAP_iomem_map");
		return;
	}
	g = request(t, 0, 16 * PAGE);
	g.refs = (uintptr_t)refs;
	g.nr_refs = 16;
	CHECK_ERRNO("grant 16 pages", call(fd, IOMEMGRANT_IOC_GRANT, &g), 0);
	for (i = 0; i < 16 && refs[i] == g.first_ref + i; i++)
		;
	CHECK("16 consecutive references", i == 16);
	CHECK("references are counted", nr_refs_held(fd) == before + 16);
	CHECK_ERRNO("the same page twice", try_grant(fd, request(t, 15 * PAGE, PAGE)), EEXIST);
	CHECK_ERRNO("end", end_grant(fd, g.id), 0);
	CHECK_ERRNO("end again", end_grant(fd, g.id), ENOENT);
	g = request(t, 0, PAGE);
	g.refs = 8;
	g.nr_refs = 1;
	CHECK_ERRNO("references to a bad address", try_grant(fd, g), EFAULT);
	CHECK("and nothing stays granted", nr_refs_held(fd) == before);
}

static void owners(const struct target *t)
{
	int fd = open_device(), other = open_device();
	unsigned int before = nr_refs_held(other);
	struct iomemgrant_grant g = request(t, 0, PAGE);

	if (call(fd, IOMEMGRANT_IOC_GRANT, &g)) {
		SKIP("owners", "nothing can be granted");
		return;
	}
	close(fd);
	CHECK("closing the file ends its grant", nr_refs_held(other) == before);
	fd = open_device();
	g = request(t, 0, PAGE);
	g.flags = IOMEMGRANT_PERSIST;
	CHECK_ERRNO("persistent grant", call(fd, IOMEMGRANT_IOC_GRANT, &g), 0);
	close(fd);
	CHECK("outlives its file", nr_refs_held(other) == before + 1);
	CHECK_ERRNO("and is ended by another", end_grant(other, g.id), 0);
	close(other);
}

static void lists(int fd, const struct target *t)
{
	struct { struct iomemgrant_entry e; uint64_t more; } big;
	struct iomemgrant_list list = { .size = sizeof(list), .nr = 1 };
	struct iomemgrant_grant g = request(t, PAGE, 2 * PAGE);

	list.entries = (uintptr_t)&big;
	list.entry_size = 8;
	CHECK_ERRNO("list with short entries", call(fd, IOMEMGRANT_IOC_LIST, &list), EINVAL);
	if (call(fd, IOMEMGRANT_IOC_GRANT, &g)) {
		SKIP("list of one grant", "nothing can be granted");
		return;
	}
	memset(&big, 0xff, sizeof(big));
	list.nr = 1;
	list.entry_size = sizeof(big);
	CHECK_ERRNO("list with long entries", call(fd, IOMEMGRANT_IOC_LIST, &list), 0);
	CHECK("the rest of a long entry is zero", big.more == 0);
	CHECK("the entry is the grant",
	      big.e.id == g.id && big.e.first_ref == g.first_ref && big.e.nr_refs == 2 &&
	      big.e.offset == PAGE && big.e.length == 2 * PAGE && big.e.domid == t->domid &&
	      big.e.bar == t->bar && big.e.state == IOMEMGRANT_LIVE);
	CHECK("nothing is mapped", big.e.nr_mapped == 0 || big.e.nr_mapped == ~0U);
	list.nr = 0;
	list.entries = 0;
	CHECK_ERRNO("list without room", call(fd, IOMEMGRANT_IOC_LIST, &list), 0);
	CHECK("tells how many", list.nr >= 1);
	end_grant(fd, g.id);
}

void grant_cases(const struct target *t)
{
	int fd = open_device();
	struct iomemgrant_info info = { .size = sizeof(info) };

	CHECK_ERRNO("info", call(fd, IOMEMGRANT_IOC_INFO, &info), 0);
	CHECK("info is of this version", info.api_version == IOMEMGRANT_API_VERSION);
	CHECK("this domain may grant", info.caps & IOMEMGRANT_CAP_GRANT);
	printf("     hypervisor support: %s\n", hypervisor_can(fd) ? "yes" : "no");
	info_sizes(fd);
	bad_structures(fd, t);
	bad_targets(fd, t);
	grant_and_end(fd, t);
	grant_sizes(fd, t);
	labels(fd, t);
	lists(fd, t);
	owners(t);
	close(fd);
}

void msix_cases(const struct target *t, uint64_t table_page, uint64_t pba_page)
{
	int fd = open_device();
	struct iomemgrant_grant g = request(t, table_page * PAGE, PAGE);

	g.allow = IOMEMGRANT_ALLOW_DMA | IOMEMGRANT_ALLOW_DRIVER_BOUND;
	CHECK_ERRNO("MSI-X table", try_grant(fd, g), EPERM);
	g.offset = pba_page * PAGE;
	CHECK_ERRNO("MSI-X pending bits", try_grant(fd, g), EPERM);
	close(fd);
}

/* Random words in every field; the module must neither crash nor leak. */
int fuzz_cases(const struct target *t, unsigned long calls, unsigned int seed)
{
	static const unsigned long commands[] = {
		IOMEMGRANT_IOC_INFO, IOMEMGRANT_IOC_LIST, IOMEMGRANT_IOC_GRANT,
		IOMEMGRANT_IOC_END, IOMEMGRANT_IOC_MAP, IOMEMGRANT_IOC_UNMAP,
	};
	int fd = open_device(), other = open_device();
	unsigned int before = nr_refs_held(other);
	unsigned long i, done = 0;

	srand(seed);
	for (i = 0; i < calls; i++) {
		union {
			uint32_t words[16];
			struct iomemgrant_grant g;
			struct iomemgrant_list l;
		} arg;
		unsigned long command = commands[rand() % 6];
		unsigned int w;

		for (w = 0; w < 16; w++)
			arg.words[w] = rand() % 3 ? (uint32_t)rand() % 16 : (uint32_t)rand() << 1;
		arg.words[0] = _IOC_SIZE(command);
		if (command == IOMEMGRANT_IOC_GRANT && rand() % 2) {
			arg.g = request(t, rand() % 16 * PAGE, (1 + rand() % 4) * PAGE);
			arg.words[rand() % 16] ^= 1U << rand() % 32;
			arg.g.flags &= ~IOMEMGRANT_PERSIST;
		}
		done += !ioctl(fd, command, &arg);
		if (rand() % 64 == 0) {
			close(fd);
			fd = open_device();
		}
	}
	close(fd);
	printf("     %lu calls, %lu succeeded\n", calls, done);
	CHECK("fuzz leaves no reference", nr_refs_held(other) == before);
	close(other);
	return 0;
}
