#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libcli11-dev 2.1.2+ds-1: "--label= --json" does not give --label an empty value: --json becomes the label, and the
# flag --json stays unset.
set -euo pipefail
package=libcli11-dev=2.1.2+ds-1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -qq -o APT::Sandbox::User=root download "$package"
dpkg-deb -x libcli11-dev_*.deb root

cat > program.cpp <<'END'
#include <CLI/CLI.hpp>
#include <iostream>

int main(int argc, char** argv)
{
	CLI::App app;
	std::string label;
	bool json = false;
	app.add_option("--label", label);
	app.add_flag("--json", json);
	CLI11_PARSE(app, argc, argv);
	std::cout << "label '" << label << "', json " << json << '\n';
}
END
g++ -std=c++20 -O0 -Iroot/usr/include -o program program.cpp
answer=$(./program --label= --json)
echo "$package: --label= --json"
echo "$answer"
[ "$answer" = "label '--json', json 0" ]
