#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# linux-headers 6.12.113-1~deb12u1 and 6.12.117-1~deb12u1, both Debian 12's: within the stable series 6.12 a function
# that modules call was replaced, so that no comparison of LINUX_VERSION_CODE with a mainline version tells which is there.
set -euo pipefail
packages=(linux-headers-6.12.113+deb12-common=6.12.113-1~deb12u1 linux-headers-6.12.117+deb12-common=6.12.117-1~deb12u1)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
declarations() {
	dpkg-deb --fsys-tarfile "linux-headers-$1+deb12-common_"*.deb |
		tar -xO "./usr/src/linux-headers-$1+deb12-common/include/linux/syscore_ops.h" |
		sed -n 's/^extern void \(register_[a-z_]*\)(.*/\1/p'
}
before=$(declarations 6.12.113) after=$(declarations 6.12.117)
echo "${packages[*]}: include/linux/syscore_ops.h"
echo "6.12.113 declares $before, 6.12.117 declares $after"
[ "$before" = register_syscore_ops ] && [ "$after" = register_syscore ]
