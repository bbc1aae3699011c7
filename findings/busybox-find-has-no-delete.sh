#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# busybox-static 1:1.35.0-4+deb12u1+b1: its find refuses -delete, which GNU find has, and then removes nothing.
set -euo pipefail
package=busybox-static=1:1.35.0-4+deb12u1+b1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "$package"
dpkg-deb -x busybox-static_*.deb root

touch old
status=0
answer=$(root/bin/busybox find . -maxdepth 1 -name old -delete 2>&1) || status=$?
answer=${answer%%$'\n'*}
echo "$package: find . -maxdepth 1 -name old -delete"
echo "status $status, '$answer', the file is $([ -e old ] && echo there || echo gone)"
[ $status = 1 ] && [ "$answer" = "find: unrecognized: -delete" ] && [ -e old ]
