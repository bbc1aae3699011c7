# SPDX-License-Identifier: GPL-2.0-or-later
"""hypervisor/build: which source it takes, what it refuses, and what is left behind.

The source is a toy with a Makefile of a few lines; dpkg-query, xl, apt-get and apt-cache are replaced by
scripts that tell of an invented host and note that they were called.
"""

import gzip
import os
import subprocess
import time
from pathlib import Path

import pytest

HYPERVISOR = Path(__file__).resolve().parents[2] / "hypervisor"
BUILD = HYPERVISOR / "build"
OLD, NEW = "4.17.5+72-gaaaa-1", "4.17.7+13-gbbbb-0+deb12u1"
PACKAGE = "xen-hypervisor-4.17-amd64"
FIXED = "XSA-9 XSA-477 XSA-500 XSA-509"
CHANGELOG = f"""xen ({NEW}) bookworm-security; urgency=medium

  * Update to new upstream version, which also contains
    security fixes for the following issues:
     - DMs may cause mem leak (CVE-2026-1)
       XSA-509 CVE-2026-62437
   * Note that the following XSA are not listed, because...
     - XSA-513 applies to blktap which is not included in Debian
  * One more: XSA-9

 -- A Maintainer <a@example.org>  Wed, 04 Nov 2026 17:52:28 +0100

xen (4.17.7-0+deb12u1) bookworm-security; urgency=medium

  * XSA-500 and XSA-477, XSA-500 again

 -- A Maintainer <a@example.org>  Sat, 01 Aug 2026 15:23:03 +0200

xen ({OLD}) bookworm-security; urgency=medium

  * XSA-400

 -- A Maintainer <a@example.org>  Sat, 01 Aug 2025 15:23:03 +0200
"""
MAKEFILE = """export XEN_VERSION       = 4
export XEN_SUBVERSION    = 17
export XEN_EXTRAVERSION ?= {extra}$(XEN_VENDORVERSION)
olddefconfig distclean:
build:
	echo made >>{log}
	echo {mark} >xen && cp xen xen.gz && cp xen xen-syms
"""
FAKES = {
    "dpkg-query": """case "$*" in
*xen-hypervisor-\\**) echo 'xen-hypervisor-4.17  unknown'; cat {world}/installed ;;
-L*) echo {world}/changelog.Debian.gz ;;
*) echo installed ;;
esac 2>/dev/null""",
    "xl": "cat {world}/running 2>/dev/null",
    "apt-get": """echo "apt-get $*" >>{world}/calls
case "$*" in
source*xen={new}) cp {world}/packages/{new}/* . ;;
source*) exit 100 ;;
esac""",
    "apt-cache": "printf 'Version: %s\\n' {new} {old}",
}


class World:
    """A host with a user, who has a cache of sources and wants DIR/xen."""

    def __init__(self, path):
        self.path = path
        self.output = path / "out"
        self.cache = path / "cache" / "xen-iomemgrant"
        (path / "bin").mkdir()
        for name, body in FAKES.items():
            script = path / "bin" / name
            script.write_text("#!/bin/bash\n" + body.format(world=path, new=NEW, old=OLD) + "\n")
            script.chmod(0o755)

    def installed(self, version=NEW, changelog=CHANGELOG):
        (self.path / "installed").write_text(f"{PACKAGE} {version} installed\n")
        if changelog:
            (self.path / "changelog.Debian.gz").write_bytes(gzip.compress(changelog.encode()))

    def running(self, version):
        (self.path / "running").write_text(version + "\n")

    def run(self, *arguments):
        environment = {"PATH": f"{self.path}/bin:{os.environ['PATH']}", "HOME": str(self.path), "LC_ALL": "C",
                       "XDG_CACHE_HOME": str(self.path / "cache"), "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run([str(a) for a in arguments], env=environment, text=True, capture_output=True,
                              check=False, timeout=60)

    def build(self, *options):
        return self.run(BUILD, "--stock", *options, "--output", self.output)

    def made(self):
        log = self.path / "made"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def tree(self, extra=".7", mark="tree", debian=None):
        """An unpacked source."""
        path = self.path / "tree"
        (path / "xen").mkdir(parents=True, exist_ok=True)
        (path / "xen/Makefile").write_text(MAKEFILE.format(extra=extra, mark=mark, log=self.path / "made"))
        if debian:
            (path / "debian").mkdir()
            (path / "debian/changelog").write_text(
                f"xen ({debian}) unstable; urgency=low\n\n  * x\n\n -- A <a@b>  Sat, 01 Aug 2026 15:23:03 +0200\n")
        return path

    def git(self, *arguments):
        done = self.run("git", "-C", self.path / "tree", "-c", "user.name=a", "-c", "user.email=a@b", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def repository(self, tag=None, **tree):
        path = self.tree(**tree)
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "x")
        if tag:
            self.git("tag", "-a", "-m", "x", tag)
        return path

    def package(self, version, source="xen", mark="package"):
        """A Debian source package; returns its .dsc."""
        directory = self.path / "packages" / version
        directory.mkdir(parents=True)
        tree = self.tree(mark=mark, debian=version)
        (tree / "debian/changelog").write_text((tree / "debian/changelog").read_text().replace("xen (", f"{source} ("))
        (tree / "debian/source").mkdir()
        (tree / "debian/source/format").write_text("3.0 (quilt)\n")
        (tree / "debian/control").write_text(f"Source: {source}\nMaintainer: A <a@b>\n\nPackage: x\nArchitecture: any\n")
        upstream = version.rsplit("-", 1)[0]
        subprocess.run(["tar", "-C", tree.parent, "--exclude=debian", "-czf",
                        directory / f"{source}_{upstream}.orig.tar.gz", "tree"], check=True)
        subprocess.run(["dpkg-source", "-b", tree], cwd=directory, check=True, capture_output=True)
        subprocess.run(["rm", "-r", tree], check=True)
        return directory / f"{source}_{version}.dsc"

    def cached(self, version=OLD):
        """Debian's source package, as an earlier run left it."""
        dsc = self.package(version)
        (self.cache / "source").mkdir(parents=True)
        subprocess.run(["cp", "-r", dsc.parent, self.cache / "source"], check=True)
        (self.cache / "source/chosen").write_text(version + "\n")

    def result(self):
        return (self.output / "xen").read_text()


@pytest.fixture(name="world")
def fixture_world(tmp_path):
    return World(tmp_path)


OLDER = (f"Xen {OLD} is older than the installed {PACKAGE} {NEW}; "
         f"it lacks {FIXED} [older-source]\n")


def test_an_older_source_is_refused_and_the_earlier_result_stays(world):
    world.cached()
    world.installed()
    world.output.mkdir()
    (world.output / "xen").write_text("earlier")
    done = world.build()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "hypervisor: " + OLDER + (
        "hint: --update looks for a newer package, --source names a newer source, --allow-older builds this one\n")
    assert (world.result(), world.made()) == ("earlier", 0)


def test_an_older_source_is_built_where_that_is_allowed_and_the_warning_stays(world):
    world.cached()
    world.installed()
    for _ in range(2):
        done = world.build("--allow-older")
        assert (done.returncode, done.stderr) == (0, "hypervisor: warning: " + OLDER)
    assert (world.result(), world.made()) == ("package\n", 1)


def test_update_takes_the_newer_package_as_the_hint_says(world):
    world.package(NEW, mark="newer")
    world.cached()
    world.installed()
    assert world.build().returncode == 1
    done = world.build("--update")
    assert (done.returncode, done.stderr, world.result()) == (0, "", "newer\n")


def test_a_newer_source_is_taken_as_the_hint_says(world):
    dsc = world.package(NEW, mark="newer")
    world.cached()
    world.installed()
    done = world.build("--source", dsc)
    assert (done.returncode, done.stderr, world.result()) == (0, "", "newer\n")
    assert done.stdout.endswith(f"hypervisor: Xen {NEW} (stock-release) is in {world.output}\n")


def test_advisories_that_are_not_known_are_said_to_be_unknown(world):
    world.installed(changelog=None)
    done = world.build("--source", world.tree(".5"))
    assert done.stderr == (
        f"hypervisor: Xen 4.17.5 is older than the installed {PACKAGE} {NEW}; "
        "which advisories it lacks is not known here [older-source]\n"
        "hint: name a newer source, or build this one with --allow-older\n")


def test_the_hypervisor_that_runs_counts_as_well(world):
    world.running("4.17.6")
    done = world.build("--source", world.tree(".5"))
    assert (done.returncode, world.made()) == (1, 0)
    assert done.stderr.startswith("hypervisor: Xen 4.17.5 is older than the running Xen 4.17.6; ")


def test_a_directory_is_built_and_again_only_when_something_in_it_has_changed(world):
    tree = world.tree(mark="one")
    assert world.build("--source", tree).returncode == 0
    before = time.monotonic()
    assert world.build("--source", tree).returncode == 0
    assert time.monotonic() - before < 2
    assert (world.result(), world.made()) == ("one\n", 1)
    world.tree(mark="two")
    assert world.build(f"--source={tree}").returncode == 0
    assert (world.result(), world.made()) == ("two\n", 2)
    assert not (tree / "xen/xen").exists()


def test_a_version_without_a_number_of_its_own_is_one(world):
    done = world.build("--source", world.tree("-unstable"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "hypervisor: Xen 4.17-unstable (" in done.stdout


def test_of_a_git_repository_head_is_built_and_its_version_is_described(world):
    tree = world.repository(tag="RELEASE-4.17.7", extra=".8-pre")
    (tree / "note").write_text("x")
    world.git("add", "note")
    uncommitted = world.build("--source", tree)
    assert (uncommitted.returncode, world.made()) == (1, 0)
    assert uncommitted.stderr == (
        f"hypervisor: source {tree}: has changes that are not committed, and HEAD is what is built [uncommitted]\n")
    world.git("commit", "-q", "-m", "y")
    done = world.build("--source", tree)
    assert (done.returncode, world.result()) == (0, "tree\n")
    assert f"hypervisor: Xen 4.17.7+1-g{world.git('rev-parse', '--short', 'HEAD').strip()} (" in done.stdout


def test_a_bare_repository_will_do(world):
    world.repository()
    world.git("clone", "-q", "--bare", ".", world.path / "bare.git")
    done = world.build("--source", world.path / "bare.git")
    assert (done.returncode, world.result()) == (0, "tree\n")


def test_a_build_that_fails_leaves_the_earlier_result(world):
    tree = world.tree()
    assert world.build("--source", tree).returncode == 0
    done = world.run(BUILD, "--source", tree, "--output", world.output)
    assert (done.returncode, world.result()) == (1, "tree\n")
    assert "error: 0001-gnttab" in done.stderr and "does not apply to Xen 4.17.7\n" in done.stderr


@pytest.mark.parametrize("name, message", [
    ("absent", "no such file or directory [no-source]"),
    ("file", "neither a .dsc file nor a directory [no-source]"),
    ("directory", "holds no Xen [not-xen]"),
    ("other.dsc", "not a source package of Xen [not-xen]"),
])
def test_a_source_that_is_none_is_refused(world, name, message):
    (world.path / "file").write_text("x")
    (world.path / "other.dsc").write_text("Source: other\nVersion: 1-1\n")
    (world.path / "directory").mkdir()
    done = world.build("--source", world.path / name)
    assert (done.returncode, done.stderr) == (1, f"hypervisor: source {world.path / name}: {message}\n")


@pytest.mark.parametrize("arguments, message", [
    (["--output", "o", "--bogus"], "there is no option '--bogus' [unknown-option]"),
    (["--output", "o", "--allow-old"], "there is no option '--allow-old' [unknown-option]"),
    (["o"], "there is no option 'o' [unknown-option]"),
    (["--output", "--debug"], "--output needs a value [missing-value]"),
    (["--output", "o", "--source"], "--source needs a value [missing-value]"),
    (["--output="], "--output needs a value [missing-value]"),
    (["--debug"], "where to leave the result is not said: --output DIR is missing [missing-value]"),
    (["--output", "o", "--update", "--source", "x"], "--update and --source exclude each other [bad-option]"),
])
def test_a_wrong_option_is_refused_before_anything_is_done(world, arguments, message):
    done = world.run(BUILD, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"hypervisor: {message}\nhint: hypervisor/build --help lists the options\n"
    assert not world.cache.exists() and not (world.path / "calls").exists()


def test_help_explains_every_option_and_does_nothing(world):
    done = world.run(BUILD, "--debug", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for option in "debug stock ubsan config each update source allow-older output help".split():
        assert f"--{option}" in done.stdout
    assert not world.cache.exists()


@pytest.mark.parametrize("option, version, older", [
    ([], "4.17.7+13-gbbbb-0+deb12u1", False),
    ([], "4.17.7+13-gbbbb-0+deb12u2", False),
    ([], "4.17.7+13-gbbbb-0", True),
    ([], "4.17.7+5-gffff-1", True),
    ([], "4.20.0-1", False),
    (["--upstream"], "4.17.7+13-gcccc", False),
    (["--upstream"], "4.17.7+12-gcccc", True),
    (["--upstream"], "4.17.7", True),
    (["--upstream"], "4.17.8-pre", True),
    (["--upstream"], "4.17.8", False),
    (["--upstream"], "4.17.0-rc3", True),
    (["--upstream"], "4.18.0-rc1", False),
    (["--upstream"], "4.18-unstable", False),
])
def test_versions_are_compared_as_they_grow(world, option, version, older):
    world.installed()
    done = world.run(HYPERVISOR / "newer", *option, version)
    assert (done.returncode, bool(done.stdout)) == (0, older), done.stderr


def test_the_newest_of_several_hypervisors_counts(world):
    world.installed()
    with (world.path / "installed").open("a") as file:
        file.write("xen-hypervisor-4.20-amd64 4.20.1-1 installed\nxen-hypervisor-4.22-amd64 4.22.1-1 config-files\n"
                   "xen-hypervisor-common 5.0-1 installed\n")
    assert world.run(HYPERVISOR / "newer", NEW).stdout.splitlines()[0] == (
        "the installed xen-hypervisor-4.20-amd64 4.20.1-1")
