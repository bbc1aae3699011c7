# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands killed and interrupted at every system call: programs/kill-at.c does it, in dom0.

By default at the moments when a command says something to the module or to XenStore, and for
the second kind of guest only at some of them; with KILL_AT=all before and after each of its
system calls, from the first on, which takes hours.  The matrices are build/kill-NAME.log.
"""

import os
from pathlib import Path

BUILD = Path(__file__).resolve().parents[3] / "build"
EVERYTHING = os.environ.get("KILL_AT") == "all"
REPAIR = "--repair='xen-iomemgrant revoke --all --wait=60'"


def matrix(bench, name, options, command):
    """One matrix; its last line."""
    log = f"/tmp/{name}.log"
    options = f"{REPAIR} {options} {'--all' if EVERYTHING else ''}"
    result = bench.dom0(f"kill-at {options} {command} > {log}", timeout=6 * 3600 if EVERYTHING else 900)
    lines = bench.dom0(f"cat {log}").check().out
    (BUILD / f"kill-{name}.log").write_text(lines)
    wrong = [line for line in lines.splitlines() if not line[:1].isspace() or "FAIL" in line]
    assert result.rc == 0, "\n".join(wrong) + result.err
    assert int(lines.split("\n")[-2].split()[0]) > 10, "hardly anything was tried"
    return lines


def grant(bench, guest):
    return f"xen-iomemgrant grant {guest.name} {bench.edu}/0@0+4K --wait=60"


def step(kind, pv, pvh):
    return "" if EVERYTHING else f"--step={pv if kind == 'pv' else pvh}"


def test_grant_killed_anywhere_is_listed_and_taken_back_by_one_revoke(bench, kind, guest, granter):
    lines = matrix(bench, f"grant-{kind}", step(kind, 1, 7), grant(bench, guest))
    # It was struck in every state there is on the way.
    for state in ("none", "unpublished", "mapped"):
        assert f", {state}\n" in lines


def test_revoke_killed_anywhere_is_listed_and_finished_by_the_next(bench, kind, guest, granter):
    lines = matrix(bench, f"revoke-{kind}", f"--prepare='{grant(bench, guest)}' {step(kind, 1, 7)}",
                   "xen-iomemgrant revoke --all --wait=60")
    for state in ("mapped", "revoking", "none"):
        assert f", {state}\n" in lines


def test_grant_interrupted_anywhere_rolls_back_and_exits_130(bench, pv, granter):
    lines = matrix(bench, "interrupt-grant", f"--signal=INT {step('pv', 3, 0)}", grant(bench, pv))
    assert "exit 130, none" in lines


def test_revoke_interrupted_anywhere_is_listed_and_finished_by_the_next(bench, pv, granter):
    lines = matrix(bench, "interrupt-revoke",
                   f"--signal=INT --prepare='{grant(bench, pv)}' {step('pv', 3, 0)}",
                   "xen-iomemgrant revoke --all --wait=60")
    assert "exit 130, " in lines


def test_after_all_that_a_guest_can_still_be_given_the_page(bench, guest, granter):
    entry = granter.grant(guest, f"{bench.edu}/0@0+4K")
    assert guest.run(f"iomem-probe read /dev/xen/iomem/{entry['id']} 0").check().out == "0x010000ed\n"
    granter.revoke(entry)
