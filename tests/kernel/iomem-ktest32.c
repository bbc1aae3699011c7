// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32 bit program's calls of /dev/xen/iomemgrant: the layouts and the compat entry.
 * Without a library, because a 32 bit one is not everywhere; so each check has a bit.
 *
 *	iomem-ktest32 		exit 0, or the number of the first check that failed;
 *				99 the device cannot be opened
 */
#include <xen/iomemgrant.h>

#define SYS_exit	1
#define SYS_open	5
#define SYS_ioctl	54
#define O_RDWR		2

#define EFAULT		14
#define ENODEV		19
#define ENOENT		2
#define EINVAL		22
#define ENOTTY		25
#define E2BIG		7

static long call3(long nr, long a, long b, long c)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return rc;
}

static void clear(void *at, unsigned int size)
{
	volatile char *p = at;

	while (size--)
		*p++ = 0;
}

static int run(void)
{
	struct { struct iomemgrant_info i; __u32 more[2]; } big;
	struct iomemgrant_info info;
	struct iomemgrant_grant grant;
	struct iomemgrant_end end;
	struct iomemgrant_list list;
	struct iomemgrant_map map;
	long fd = call3(SYS_open, (long)IOMEMGRANT_DEVICE, O_RDWR, 0), rc;

	if (fd < 0)
		return 99;
	clear(&info, sizeof(info));
	info.size = sizeof(info);
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_INFO, (long)&info))
		return 1;
	if (info.api_version != IOMEMGRANT_API_VERSION || !info.max_pages || !info.max_frames)
		return 2;
	info.size = IOMEMGRANT_INFO_SIZE_1 - 1;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_INFO, (long)&info) != -EINVAL)
		return 3;
	clear(&big, sizeof(big));
	big.i.size = sizeof(big);
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_INFO, (long)&big))
		return 4;
	big.more[1] = 1;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_INFO, (long)&big) != -E2BIG)
		return 5;
	if (call3(SYS_ioctl, fd, 0x4977, (long)&big) != -ENOTTY)
		return 6;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_INFO, 8) != -EFAULT)
		return 7;

	/* The fields behind the 64 bit ones must be where the module looks for them. */
	clear(&grant, sizeof(grant));
	grant.size = sizeof(grant);
	grant.length = 4096;
	grant.domid = 1;
	grant.order = 1;
	rc = call3(SYS_ioctl, fd, IOMEMGRANT_IOC_GRANT, (long)&grant);
	if (info.caps & IOMEMGRANT_CAP_GRANT ? rc != -95 : rc != -ENODEV)
		return 8;
	clear(&end, sizeof(end));
	end.size = sizeof(end);
	end.id = 1;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_END, (long)&end) != -ENOENT)
		return 9;
	end.id = 0x100000001ULL;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_UNMAP, (long)&end) != -ENOENT)
		return 10;
	clear(&list, sizeof(list));
	list.size = sizeof(list);
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_LIST, (long)&list))
		return 11;
	list.reserved = 1;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_LIST, (long)&list) != -EINVAL)
		return 12;
	clear(&map, sizeof(map));
	map.size = sizeof(map);
	map.nr_refs = 1;
	map.refs = 8;
	if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_MAP, (long)&map) != -EFAULT)
		return 13;
	return 0;
}

void _start(void)
{
	call3(SYS_exit, run(), 0, 0);
	__builtin_unreachable();
}
