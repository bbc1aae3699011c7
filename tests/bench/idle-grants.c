// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grants pages of a BAR, each by itself, without publishing them, and keeps them until it is killed:
 *
 *   idle-grants BUS:DEVFN BAR FIRST COUNT DOMID     numbers in C's notation; prints "granted COUNT"
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/iomemgrant.h>

int main(int argc, char **argv)
{
	unsigned int bus, devfn;
	long first, count;
	int fd;

	if (argc != 6 || sscanf(argv[1], "%i:%i", (int *)&bus, (int *)&devfn) != 2)
		return 2;
	first = strtol(argv[3], NULL, 0);
	count = strtol(argv[4], NULL, 0);
	fd = open(IOMEMGRANT_DEVICE, O_RDWR);
	if (fd < 0) {
		perror(IOMEMGRANT_DEVICE);
		return 1;
	}
	for (long page = first; page < first + count; page++) {
		struct iomemgrant_grant grant = {
			.size = sizeof(grant),
			.bus = bus,
			.devfn = devfn,
			.bar = strtol(argv[2], NULL, 0),
			.domid = strtol(argv[5], NULL, 0),
			.offset = page * 4096,
			.length = 4096,
		};

		if (ioctl(fd, IOMEMGRANT_IOC_GRANT, &grant)) {
			perror("IOMEMGRANT_IOC_GRANT");
			return 1;
		}
	}
	printf("granted %ld\n", count);
	fflush(stdout);
	pause();
	return 0;
}
