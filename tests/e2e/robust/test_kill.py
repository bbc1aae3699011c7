# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands struck at every system call, or at every request to XenStore: programs/kill-at.c does it.

By default at some of the moments when a command says something to the module or to XenStore;
KILL_AT=each is all of these moments, KILL_AT=all is before and after each system call from the
first on, which takes hours.  The matrices, with a line for every system call, are build/kill-NAME.log.
"""

import os
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[3] / "build"
HOW = os.environ.get("KILL_AT", "some")
REVOKE = "xen-iomemgrant revoke --all --wait=60"


def grant(bench, guest):
    return f"xen-iomemgrant grant {guest.name} {bench.edu}/0@0+4K --wait=60"


def matrix(bench, name, command, *, some, prepare=None, options="", repair=REVOKE):
    """One matrix, of every `some`th moment by default."""
    log = f"/tmp/{name}.log"
    options += f" --step={some}" if HOW == "some" else " --all" if HOW == "all" else ""
    if prepare:
        options += f" --prepare='{prepare}'"
    result = bench.dom0(f"kill-at --repair='{repair}' {options} {command} > {log}", timeout=900 if HOW == "some" else 36000)
    lines = bench.dom0(f"cat {log}").check().out
    (BUILD / f"kill-{name}.log").write_text(lines)
    assert result.rc == 0, "\n".join(line for line in lines.splitlines() if not line.startswith("  ")) + result.err
    return lines


def test_grant_killed_anywhere_is_listed_and_taken_back_by_one_revoke(bench, kind, guest, granter):
    lines = matrix(bench, f"grant-{kind}", grant(bench, guest), some=3 if kind == "pv" else 9)
    # It was struck in every state there is on the way.
    for state in ("none", "unpublished", "mapped"):
        assert f"signal 9, {state}\n" in lines


def test_revoke_killed_anywhere_is_listed_and_finished_by_the_next(bench, kind, guest, granter):
    lines = matrix(bench, f"revoke-{kind}", REVOKE, prepare=grant(bench, guest), some=3 if kind == "pv" else 9)
    # The last that it says is the commit that ends it.
    for state in ("mapped", "revoking", "orphaned"):
        assert f"signal 9, {state}\n" in lines


# What a guest that died at a bad moment leaves in XenStore.
REMAINS = """#!/bin/sh
at=/local/domain/0/backend/iomem/999/5
xenstore-write $at/frontend /local/domain/999/device/iomem/5 $at/frontend-id 999 $at/online 1 $at/protocol 1 \
    $at/method grant $at/refs 2048 $at/nr-pages 1 $at/page-size 4096 $at/mode rw $at/cache uc \
    $at/uuid 6f0c1d2e-0011-4000-8000-00163e000001 $at/bdf 0000:00:10.0 $at/bar 0 $at/offset 0 $at/state 4
"""


def test_gc_killed_anywhere_is_finished_by_the_next(bench, granter):
    bench.put("/tmp/remains", REMAINS, "755")
    lines = matrix(bench, "gc", "xen-iomemgrant gc", prepare="/tmp/remains", repair="xen-iomemgrant gc", some=2)
    assert "signal 9, orphaned\n" in lines


def test_the_service_killed_anywhere_is_finished_by_the_next(bench, granter):
    bench.put("/tmp/remains", REMAINS, "755")
    lines = matrix(bench, "service", "xen-iomemgrantd", prepare="/tmp/remains", repair="xen-iomemgrantd --once",
                   options="--idle=3", some=5)
    assert "signal 9, orphaned\n" in lines and "signal 9, none\n" in lines


def test_grant_interrupted_anywhere_rolls_back_and_exits_130(bench, pv, granter):
    lines = matrix(bench, "interrupt-grant", grant(bench, pv), options="--signal=INT", some=7)
    assert "exit 130, none\n" in lines


def test_revoke_interrupted_anywhere_is_listed_and_finished_by_the_next(bench, pv, granter):
    lines = matrix(bench, "interrupt-revoke", REVOKE, prepare=grant(bench, pv), options="--signal=INT", some=7)
    assert "exit 130, " in lines


@pytest.mark.parametrize("fault, some", [("full", 3), ("gone", 9), ("contended", 1), ("slow", 1)])
def test_grant_while_xenstore_is(bench, pv, granter, fault, some):
    matrix(bench, f"grant-store-{fault}", grant(bench, pv), options=f"--xenstore={fault}", some=some)


@pytest.mark.parametrize("fault, some", [("gone", 7), ("contended", 1)])
def test_revoke_while_xenstore_is(bench, pv, granter, fault, some):
    matrix(bench, f"revoke-store-{fault}", REVOKE, prepare=grant(bench, pv), options=f"--xenstore={fault}", some=some)


def test_after_all_that_a_guest_can_still_be_given_the_page(bench, guest, granter):
    entry = granter.grant(guest, f"{bench.edu}/0@0+4K")
    assert guest.run(f"iomem-probe read /dev/xen/iomem/{entry['id']} 0").check().out == "0x010000ed\n"
    granter.revoke(entry)
