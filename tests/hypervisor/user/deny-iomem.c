// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deny-iomem DOMID MFN COUNT [allow]: XEN_DOMCTL_iomem_permission, which takes (or gives) the
 * static permission and does nothing else.  The "before" that grants are measured against.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
	xc_interface *xch;
	int rc;

	if (argc < 4)
		return 2;
	xch = xc_interface_open(NULL, NULL, 0);
	if (!xch)
		return 1;
	rc = xc_domain_iomem_permission(xch, atoi(argv[1]), strtoul(argv[2], NULL, 0),
					strtoul(argv[3], NULL, 0),
					argc > 4 && !strcmp(argv[4], "allow"));
	printf("rc=%d\n", rc);
	xc_interface_close(xch);
	return rc != 0;
}
