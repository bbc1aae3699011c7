#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Part of hypervisor/build: which source is built, and how it is had.
#
# choose_source() or name_source() sets
#   form      debian (from the cache), dsc, directory or git
#   version   as it is shown, and compared with this host's hypervisor
#   numbering debian, or upstream for a version without Debian's revision
#   identity  changes whenever the source does
# shellcheck disable=SC2154 # here, cache, series and source are set by hypervisor/build

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

# Takes the source package used before, or Debian's newest one that can be downloaded if there is none
# or $1 is y.
choose_source() {
	local update=$1
	form=debian numbering=debian
	mkdir -p "$cache/source"
	if [ "$update" = n ] && [ -s "$cache/source/chosen" ]; then
		version=$(cat "$cache/source/chosen") identity=$version
		[ -e "$cache/source/$version" ] && return
	fi
	lock source
	# Another run may just have done this.
	if [ "$update" = y ] || [ ! -s "$cache/source/chosen" ] ||
	   [ ! -e "$cache/source/$(cat "$cache/source/chosen")" ]; then
		install_packages
		fetch_source
	fi
	version=$(cat "$cache/source/chosen") identity=$version
}

# Sets version and numbering from a tree: Debian's version if it has a debian/changelog.
tree_version() {
	local makefile field
	numbering=debian
	version=$(tree_file debian/changelog | sed -n '1s/^xen (\([^)]*\)).*/\1/p')
	[ -z "$version" ] || return 0
	numbering=upstream
	makefile=$(tree_file xen/Makefile)
	for field in VERSION SUBVERSION EXTRAVERSION; do
		version+=.$(sed -n "s/^export XEN_$field *[:?]*= *\([^ \$]*\).*/\1/p" <<< "$makefile")
	done
	version=${version#.} version=${version/../.} version=${version/.-/-}
	[[ $version =~ ^[0-9]+\.[0-9]+[.-] ]] || die "source $source: holds no Xen [not-xen]"
}

# Prints a file of the tree, or nothing.
tree_file() {
	if [ "$form" = git ]; then
		git -C "$source" show "HEAD:$1" 2>/dev/null || true
	else
		cat "$source/$1" 2>/dev/null || true
	fi
}

# Takes the source that the user names.
name_source() {
	[ -e "$source" ] || die "source $source: no such file or directory [no-source]"
	source=$(realpath "$source")
	if [ -d "$source" ]; then
		form=directory
		[ ! -e "$source/.git" ] && [ ! -e "$source/HEAD" ] || form=git
	elif [[ $source == *.dsc ]]; then
		form=dsc
	else
		die "source $source: neither a .dsc file nor a directory [no-source]"
	fi
	"name_$form"
	identity="$form ${identity%% *}"
}

name_dsc() {
	grep -qx 'Source: xen' "$source" || die "source $source: not a source package of Xen [not-xen]"
	numbering=debian
	version=$(sed -n 's/^Version: //p' "$source" | head -n 1)
	# It holds checksums of the other files, and dpkg-source looks at them.
	identity=$(sha256sum < "$source")
}

name_directory() {
	tree_version
	identity=$(tar -C "$source" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c . | sha256sum)
}

name_git() {
	local described
	command -v git >/dev/null || die "source $source: reading it takes git, which is not installed [no-source]"
	identity=$(git -C "$source" rev-parse --verify HEAD) || die "source $source: git cannot read HEAD [no-source]"
	if [ "$(git -C "$source" rev-parse --is-bare-repository)" = false ] &&
	   [ -n "$(git -C "$source" status --porcelain --untracked-files=no)" ]; then
		die "source $source: has changes that are not committed, and HEAD is what is built [uncommitted]"
	fi
	tree_version
	[ $numbering = upstream ] || return 0
	# RELEASE-4.17.7-13-g2445b30a44 tells more than the Makefile's 4.17.8-pre.
	described=$(git -C "$source" describe --match 'RELEASE-*' 2>/dev/null) || return 0
	described=${described#RELEASE-}
	version=${described/-/+}
}

# Leaves the source in tree/.
unpack_source() {
	case $form in
	debian) dpkg-source --no-check -x "$cache/source/$version"/*.dsc tree ;;
	dsc) dpkg-source -x "$source" tree ;;
	directory) cp -a "$source" tree && make -C tree/xen distclean ;;
	git) mkdir tree && git -C "$source" archive "${identity#git }" | tar -C tree -x ;;
	esac
}

# Ends the script if the source is older than the hypervisor of this host and $1 is not y.
check_age() {
	local report newer advisories lacks='; which advisories it lacks is not known here' option=()
	[ "$numbering" = debian ] || option=(--upstream)
	report=$("$here/newer" "${option[@]}" "$version")
	[ -n "$report" ] || return 0
	{ read -r newer; read -r advisories || true; } <<< "$report"
	case $advisories in
	unknown) ;;
	'') lacks='' ;;
	*) lacks="; it lacks $advisories" ;;
	esac
	lacks="Xen $version is older than $newer$lacks [older-source]"
	if [ "$1" = y ]; then
		printf 'hypervisor: warning: %s\n' "$lacks" >&2
		return
	fi
	printf 'hypervisor: %s\n' "$lacks" >&2
	if [ -z "$source" ]; then
		hint "--update looks for a newer package, --source names a newer source, --allow-older builds this one"
	else
		hint "name a newer source, or build this one with --allow-older"
	fi
	exit 1
}
