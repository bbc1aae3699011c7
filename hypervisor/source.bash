#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part of hypervisor/build: which source is built, and how it is had.
# shellcheck disable=SC2154 # cache and series are set by hypervisor/build

# The deb-src lines for what the system gets its packages from, one-line and deb822 style.
system_sources() {
	local file
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$file" ] && sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]+/deb-src /p' "$file"
	done
	for file in /etc/apt/sources.list.d/*.sources; do
		[ -r "$file" ] || continue
		awk -v RS= -F '\n' '{
			uris = suites = components = options = last = ""
			enabled = 1
			for (i = 1; i <= NF; i++) {
				if ($i ~ /^#/)
					continue
				name = tolower($i); sub(/:.*/, "", name)
				value = $i; sub(/^[^:]*:[ \t]*/, "", value)
				if ($i ~ /^[ \t]/) {		# continuation of the field before
					value = $i; name = last
					if (name != "uris" && name != "suites" && name != "components")
						continue
				}
				last = name
				if (name == "uris") uris = uris " " value
				else if (name == "suites") suites = suites " " value
				else if (name == "components") components = components " " value
				else if (name == "signed-by" && value ~ /^\//) options = "[signed-by=" value "] "
				else if (name == "enabled" && tolower(value) == "no") enabled = 0
			}
			if (!enabled)
				next
			n = split(uris, u, " "); m = split(suites, s, " ")
			for (j = 1; j <= n; j++)
				for (k = 1; k <= m; k++)
					print "deb-src " options u[j] " " s[k] " " components
		}' "$file"
	done
}

private_apt() {
	local all=$cache/apt/all.list list=$cache/apt/sources.list
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/cache/archives/partial"
	system_sources | tr -s ' ' | sed 's/ $//' | sort -u > "$all"
	[ -s "$all" ] || die "no package sources found in /etc/apt; cannot get the Xen source package"
	# Others than Debian's have no Xen, and often no sources at all.
	grep -i debian "$all" > "$list" || cp "$all" "$list"
	cat > "$cache/apt/apt.conf" <<-END
	Dir::Etc::sourcelist "$list";
	Dir::Etc::sourceparts "/dev/null";
	Dir::State::lists "$cache/apt/lists";
	Dir::Cache "$cache/apt/cache";
	Dir::Cache::pkgcache "";
	Dir::Cache::srcpkgcache "";
	APT::Sandbox::User "";
	Acquire::Languages "none";
	Acquire::Retries "2";
	Acquire::http::Timeout "60";
	END
	export APT_CONFIG=$cache/apt/apt.conf
}

fetch_source() {
	local log=$cache/apt/log version versions partial
	private_apt
	say "looking for the Xen $series source package"
	apt-get update > "$log" 2>&1 || true	# what matters is whether there is a source package
	versions=$(apt-cache showsrc xen 2>> "$log" | sed -n "s/^Version: \($series\..*\)/\1/p" | sort -urV)
	[ -n "$versions" ] || die "no source package of Xen $series to be had; see $log"
	for version in $versions; do
		[ -e "$cache/source/$version" ] && break
		partial=$cache/source/.partial
		rm -rf "$partial" && mkdir -p "$partial"
		if (cd "$partial" && apt-get source --only-source --download-only "xen=$version") >> "$log" 2>&1; then
			mv "$partial" "$cache/source/$version"
			break
		fi
		rm -rf "$partial"
		say "the source of $version cannot be downloaded, trying the next older one"
	done
	unset APT_CONFIG
	[ -e "$cache/source/$version" ] || die "no version of the source package could be downloaded; see $log"
	touch "$cache/source/$version"
	printf '%s\n' "$version" > "$cache/source/.chosen" && mv "$cache/source/.chosen" "$cache/source/chosen"
}

choose_source() {
	local update=$1
	mkdir -p "$cache/source"
	if [ "$update" = n ] && [ -s "$cache/source/chosen" ]; then
		version=$(cat "$cache/source/chosen")
		[ -e "$cache/source/$version" ] && return
	fi
	lock source
	# Another run may just have done this.
	if [ "$update" = y ] || [ ! -s "$cache/source/chosen" ] ||
	   [ ! -e "$cache/source/$(cat "$cache/source/chosen")" ]; then
		install_packages
		fetch_source
	fi
	version=$(cat "$cache/source/chosen")
}
