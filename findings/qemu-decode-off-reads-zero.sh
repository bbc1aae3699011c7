#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3: a read where a PCI device's memory decoding is off gives 0.  On a machine
# the read that no device claims gives all ones, which software takes for the sign of a device that is gone.
# The libraries of qemu-system-x86 are taken from this machine.
set -euo pipefail
version=1:7.2+dfsg-7+deb12u18+b3
packages=("qemu-system-x86=$version" "qemu-system-common=$version" seabios=1.16.2-1)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done

# The CPUs stand still; BAR 0 of the device edu is put at 0xe0000000 through configuration space.  Register 0 of
# that device reads 0x010000ed.
requests='outl 0xcf8 0x80008010
outl 0xcfc 0xe0000000
outl 0xcf8 0x80008004
outw 0xcfc 0x2
readl 0xe0000000
outw 0xcfc 0x0
readl 0xe0000000'
coproc machine {
	timeout 60 root/usr/bin/qemu-system-x86_64 -L root/usr/share/seabios -S -machine q35 -nodefaults \
		-display none -device edu,addr=10.0 -qtest stdio -qtest-log /dev/null 2>errors
}
echo "$requests" >&"${machine[1]}"
answers=()
while [ ${#answers[@]} -lt 7 ] && read -r -t 30 -u "${machine[0]}" answer; do
	answers+=("$answer")
done
kill "${machine_PID:?}"
echo "${packages[*]}: register 0 of edu"
echo "decoding on: '${answers[4]}', decoding off: '${answers[6]}'"
[ "${answers[4]}" = "OK 0x00000000010000ed" ] && [ "${answers[6]}" = "OK 0x0000000000000000" ]
