#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# systemd 252.39-1~deb12u2: `systemd-analyze verify` succeeds for a unit with a misspelt key.  It warns on stderr, so a
# check has to read that and not the status.
set -euo pipefail
version=252.39-1~deb12u2
packages=("systemd=$version" "libsystemd-shared=$version")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done

mkdir -p units
cat > units/example.service <<'END'
[Service]
ExecStart=/bin/true
Restrat=always
END
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu/systemd
status=0
answer=$(root/usr/bin/systemd-analyze verify --man=no "$work/units/example.service" 2>&1) || status=$?
answer=$(grep -o "Unknown key 'Restrat' in section \[Service\], ignoring" <<< "$answer" || true)
echo "${packages[*]}: systemd-analyze verify of a unit with Restrat=always"
echo "status $status, '$answer'"
[ $status = 0 ] && [ -n "$answer" ]
