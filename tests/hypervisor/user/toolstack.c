// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only the toolstack's interface can do or see, in dom0:
 *
 *   toolstack deny DOMID MFN COUNT    XEN_DOMCTL_iomem_permission takes the static permission and
 *   toolstack allow DOMID MFN COUNT   gives it, and does nothing else
 *   toolstack destroy DOMID           XEN_DOMCTL_destroydomain alone, which needs no XenStore
 *   toolstack free                    pages free in Xen's allocator, exactly
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	xc_physinfo_t info = { 0 };
	int rc = 2;

	if (!xch)
		return 1;
	if (argc == 5) {
		rc = xc_domain_iomem_permission(xch, atoi(argv[2]), strtoul(argv[3], NULL, 0),
						strtoul(argv[4], NULL, 0), !strcmp(argv[1], "allow"));
		printf("rc=%d\n", rc);
	} else if (argc == 3 && !strcmp(argv[1], "destroy")) {
		rc = xc_domain_destroy(xch, atoi(argv[2]));
	} else if (argc == 2 && !strcmp(argv[1], "free")) {
		rc = xc_physinfo(xch, &info);
		printf("free=%llu\n", (unsigned long long)info.free_pages);
	}
	xc_interface_close(xch);
	return rc != 0;
}
