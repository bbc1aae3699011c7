// SPDX-License-Identifier: GPL-2.0-only
/*
 * A 32 bit program's calls of /dev/xen/iomemgrant: the layouts and the compat entry.
 * Without a library, because a 32 bit one is not everywhere; so each check has a bit.
 *
 *	iomem-ktest32 [FIRST-REF]	exit 0, or the number of the first check that failed;
 *					99 the device cannot be opened.  FIRST-REF is what
 *					to map and unmap, more often than there are ids
 */
#include <xen/iomemgrant.h>

#define SYS_exit	1
#define SYS_open	5
#define SYS_ioctl	54
#define SYS_mmap2	192
#define O_RDWR		2
#define PROT_READ	1
#define MAP_SHARED	1

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

/* The sixth argument of a call is in the frame pointer, which the compiler may want. */
static long mmap2(unsigned long length, long fd, unsigned long page)
{
	long rc;

	__asm__ volatile("push %%ebp\n\tmov %%eax, %%ebp\n\tmov %[nr], %%eax\n\tint $0x80\n\t"
			 "pop %%ebp"
			 : "=a"(rc)
			 : "0"(page), [nr] "i"(SYS_mmap2), "b"(0), "c"(length), "d"(PROT_READ),
			   "S"(MAP_SHARED), "D"(fd)
			 : "memory");
	return rc;
}

static void clear(void *at, unsigned int size)
{
	volatile char *p = at;

	while (size--)
		*p++ = 0;
}

#define CYCLES	4200	/* a mapping's id, and so its offset, is below 4096 */

static int map_often(__u32 first)
{
	struct iomemgrant_map map;
	struct iomemgrant_end end;
	long fd = call3(SYS_open, (long)IOMEMGRANT_DEVICE, O_RDWR, 0), at;
	int i;

	if (fd < 0)
		return 99;
	for (i = 0; i <= CYCLES; i++) {
		clear(&map, sizeof(map));
		map.size = sizeof(map);
		map.nr_refs = 1;
		map.refs = (unsigned long)&first;
		if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_MAP, (long)&map))
			return 20;
		if (map.mmap_offset >> 44)
			return 21;
		if (i == CYCLES)
			break;
		clear(&end, sizeof(end));
		end.size = sizeof(end);
		end.id = map.id;
		if (call3(SYS_ioctl, fd, IOMEMGRANT_IOC_UNMAP, (long)&end))
			return 22;
	}
	at = mmap2(4096, fd, map.mmap_offset >> 12);
	if ((unsigned long)at >= -4095UL)
		return 23;
	(void)*(volatile __u32 *)at;
	return 0;
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

/* @stack: argc, and from there on argv. */
__attribute__((used)) static void start(char **stack)
{
	__u32 number = 0;
	const char *digit;

	if ((long)stack[0] < 2)
		call3(SYS_exit, run(), 0, 0);
	for (digit = stack[2]; *digit; digit++)
		number = number * 10 + *digit - '0';
	call3(SYS_exit, map_often(number), 0, 0);
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tpush %eax\n\tcall start\n");
