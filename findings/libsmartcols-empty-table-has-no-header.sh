#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libsmartcols1 2.38.1-5+deb12u3: scols_print_table() prints the headings of a table with lines, and nothing at all,
# not even the headings, of a table without lines; both succeed.
set -euo pipefail
version=2.38.1-5+deb12u3
packages=("libsmartcols1=$version" "libsmartcols-dev=$version")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "${packages[@]}"
for package in *.deb; do dpkg-deb -x "$package" root; done

cat > program.c <<'END'
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct libscols_table *table = scols_new_table();
	int rc;

	(void)argc;
	scols_table_new_column(table, "NAME", 0, 0);
	for (int i = atoi(argv[1]); i; i--)
		scols_line_set_data(scols_table_new_line(table, NULL), 0, "web1");
	rc = scols_print_table(table);
	scols_unref_table(table);
	return rc;
}
END
libraries=$work/root/usr/lib/x86_64-linux-gnu
library=$(find "$work/root" -name 'libsmartcols.so.1')
gcc -Iroot/usr/include/libsmartcols -o program program.c "$library"
export LD_LIBRARY_PATH=${library%/*}:$libraries
one=$(./program 1) none=$(./program 0)
echo "${packages[*]}: a table of one column, NAME"
echo "one line: '${one//$'\n'/\\n}', no lines: '$none'"
[ "$one" = $'NAME\nweb1' ] && [ -z "$none" ]
