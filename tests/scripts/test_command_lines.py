# SPDX-License-Identifier: GPL-2.0-or-later
"""Every executable of the tree explains itself and refuses what it does not know before it does anything else."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each of them would be the beginning of an installation, a build or a boot.
TOOLS = ("apt-get", "dpkg-source", "g++", "gcc", "make", "meson", "ninja", "pytest", "qemu-system-x86_64", "sudo")


def executables():
    """Executable files of the tree, in git or not yet."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        files = listed.stdout.splitlines()
    else:
        files = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".git" not in path.parts]
    return sorted(name for name in files if not name.startswith(("build", "debian/", "findings/")) and
                  (ROOT / name).is_file() and os.access(ROOT / name, os.X_OK))


@pytest.fixture
def call(tmp_path):
    """Runs an executable among tools that only note their being called, and insists that none was."""
    notes = tmp_path / "called"
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {notes}\nexit 1\n')
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1",
                   "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(name, *arguments):
        result = subprocess.run([ROOT / name, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=60)
        assert not notes.exists(), notes.read_text()
        assert not (tmp_path / "cache").exists()
        return result
    return run


def test_the_tree_has_executables():
    assert {"scripts/test", "scripts/try", "hypervisor/build", "tests/e2e/bench-shell"} <= set(executables())


@pytest.mark.parametrize("name", executables())
def test_help_is_printed_and_nothing_done(call, name):
    result = call(name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.lower().startswith("usage: ")
    assert len(result.stdout.splitlines()) >= 3


@pytest.mark.parametrize("name", executables())
def test_an_unknown_option_is_refused_and_nothing_done(call, name):
    result = call(name, "--frobnicate")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--frobnicate" in result.stderr or "required" in result.stderr


@pytest.mark.parametrize("arguments, message", [
    (["unit", "frobnicate"], "scripts/test: no tier 'frobnicate'; there are: "),
    (["--all", "unit"], "scripts/test: --all takes no names of tiers\n"),
    (["unit", "--all"], "scripts/test: --all takes no names of tiers\n"),
])
def test_no_tier_is_run_when_one_of_them_is_wrong(call, arguments, message):
    result = call("scripts/test", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(message)


@pytest.mark.parametrize("name, arguments, message", [
    ("scripts/build", ["release", "fast"], "scripts/build: unknown argument 'fast'; see scripts/build --help\n"),
    ("scripts/try", ["--shell", "now"], "scripts/try: unknown argument 'now'; see scripts/try --help\n"),
    ("scripts/install-deps", ["g++"], "scripts/install-deps: unknown argument 'g++'; see scripts/install-deps --help\n"),
])
def test_an_argument_too_many_is_named(call, name, arguments, message):
    result = call(name, *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", message)


@pytest.mark.parametrize("name, arguments, message", [
    ("tests/hypervisor/run", ["T999"], "no case has 'T999' in its name or as its number\n"),
    ("tests/e2e/bench-shell", ["--guest", "web1:kvm"], "--guest web1:kvm: TYPE is pv, pvh or hvm\n"),
])
def test_a_wrong_name_is_refused_before_a_boot(call, name, arguments, message):
    result = call(name, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith(message)


def test_every_tier_has_a_row_in_the_table(call):
    tiers = call("scripts/test", "--list").stdout.split()
    text = (ROOT / "HACKING.md").read_text()
    assert [tier for tier in tiers if f"| `{tier}` |" not in text] == []


def test_the_table_of_hypercall_cases_has_the_numbers_that_cases_have(call):
    listed = call("tests/hypervisor/run", "--list").stdout
    table = (ROOT / "tests/hypervisor/README.md").read_text()
    assert set(re.findall(r"\bT\d+\b", listed)) == set(re.findall(r"^\| (T\d+) \|", table, re.M))


def test_the_hypervisors_checklist_cites_rules_of_the_table():
    table = (ROOT / "tests/hypervisor/README.md").read_text()
    cited = re.findall(r"\bT\d+\b", (ROOT / "hypervisor/README.md").read_text())
    assert [number for number in cited if f"| {number} |" not in table] == []
