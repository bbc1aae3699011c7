// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel memory as /proc/kcore shows it: where the module maps frames that have no page
 * behind them, the kernel must see a hole and not look for one.
 */
#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include "ktest.h"

#define PAGE 4096ULL

/* Where in the file is @address?  0: nowhere. */
static off_t kcore_offset(int kcore, uint64_t address)
{
	Elf64_Ehdr head;
	Elf64_Phdr part;

	if (pread(kcore, &head, sizeof(head), 0) != sizeof(head))
		return 0;
	for (int i = 0; i < head.e_phnum; i++) {
		off_t at = head.e_phoff + i * sizeof(part);

		if (pread(kcore, &part, sizeof(part), at) != sizeof(part))
			return 0;
		if (part.p_type == PT_LOAD && part.p_vaddr <= address &&
		    address - part.p_vaddr < part.p_memsz)
			return part.p_offset + (address - part.p_vaddr);
	}
	return 0;
}

static bool is_hole(int kcore, uint64_t from, uint64_t to)
{
	static const char zeros[PAGE];
	char page[PAGE];

	for (; from < to; from += PAGE) {
		off_t at = kcore_offset(kcore, from);

		if (!at || pread(kcore, page, PAGE, at) != PAGE || memcmp(page, zeros, PAGE))
			return false;
	}
	return true;
}

void kcore_cases(void)
{
	int restrict_fd = open("/proc/sys/kernel/kptr_restrict", O_RDWR | O_CLOEXEC);
	int kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	FILE *areas = fopen("/proc/vmallocinfo", "r");
	unsigned long long from, to;
	unsigned int nr = 0;
	char line[512], before = 0;

	/* With 0 the addresses are hashes, with 1 root sees them. */
	CHECK("addresses are shown", pread(restrict_fd, &before, 1, 0) == 1 &&
					   pwrite(restrict_fd, "1", 1, 0) == 1);
	CHECK("kcore", kcore >= 0);
	CHECK("vmallocinfo", areas);
	while (areas && fgets(line, sizeof(line), areas)) {
		if (!strstr(line, "[xen_iomemgrant]") || strstr(line, "vmalloc") ||
		    sscanf(line, "0x%llx-0x%llx", &from, &to) != 2)
			continue;
		nr++;
		/* The last page of an area is its guard. */
		CHECK("an area is a hole", is_hole(kcore, from, to - PAGE));
	}
	CHECK("the module has areas", nr > 0);
	if (areas)
		fclose(areas);
	close(kcore);
	CHECK("as it was", pwrite(restrict_fd, &before, 1, 0) == 1);
	close(restrict_fd);
}
