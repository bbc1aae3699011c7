#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# linux-kbuild-6.1 6.1.192-3 (Debian 12): KBUILD_EXTRA_SYMBOLS is no dependency.  When the version of an exported
# symbol changes and the sources of a module that calls it do not, make leaves that module as it is, with the old
# version in it, says nothing and exits with 0; the kernel then refuses to load it beside the new one.
set -euo pipefail
packages=(linux-headers-6.1.0-56-amd64=6.1.192-2 linux-headers-6.1.0-56-common=6.1.192-2 linux-kbuild-6.1=6.1.192-3)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
for deb in *.deb; do
	dpkg-deb -x "$deb" root
done
headers=$work/root/usr/src/linux-headers-6.1.0-56-amd64
sed -i "s|/usr/src|$work/root/usr/src|" "$headers/Makefile"

mkdir giver taker
echo 'obj-m := giver.o' >giver/Kbuild
echo 'obj-m := taker.o' >taker/Kbuild
giver() { echo "struct box { $1 content; }; int look_into(struct box *box);" >giver/box.h; }
cat >giver/giver.c <<-END
	#include <linux/module.h>
	#include "box.h"
	int look_into(struct box *box) { return box->content; }
	EXPORT_SYMBOL(look_into);
	MODULE_LICENSE("GPL");
END
cat >taker/taker.c <<-END
	#include <linux/module.h>
	struct box;
	int look_into(struct box *box);
	static int __init taker_init(void) { return look_into(NULL); }
	module_init(taker_init);
	MODULE_LICENSE("GPL");
END
build() { make -s -C "$headers" M="$work/$1" CONFIG_DEBUG_INFO_BTF_MODULES= "${@:2}" >>log 2>&1; }
build_both() {
	build giver modules
	build taker KBUILD_EXTRA_SYMBOLS="$work/giver/Module.symvers" modules
}
exported() { awk '$2 == "look_into" { print $1 }' giver/Module.symvers; }
imported() { sed -n 's/.*{ \(0x[0-9a-f]*\), "look_into" }.*/\1/p' taker/taker.mod.c; }

giver int
build_both
first="$(exported) $(imported)"
giver long
build_both
second="$(exported) $(imported)"
build taker clean
build_both
third="$(exported) $(imported)"
echo "${packages[2]}: version of a symbol as the one module exports and the other imports it"
echo "built at first: $first"
echo "built again after the exporting module changed: $second"
echo "built again after 'make clean' of the importing module: $third"
[ "${first% *}" = "${first#* }" ] && [ "${second% *}" != "${first% *}" ] && [ "${second#* }" = "${first#* }" ] &&
	[ "${third% *}" = "${third#* }" ] && [ "${third% *}" = "${second% *}" ]
