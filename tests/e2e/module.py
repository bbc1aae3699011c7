# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel module by itself, as tests/kernel/iomem-ktest.c asks it."""

import contextlib
import re

EDU_ID = 0x010000ED
PAGE = 4096


def run_cases(run, command, timeout=180):
    """Run one of iomem-ktest's suites: no case may fail, and none be skipped."""
    result = run(f"iomem-ktest {command}", timeout)
    lines = result.out.splitlines()
    assert [line for line in lines if line.startswith(("FAIL", "SKIP"))] == [], result.text
    assert result.rc == 0 and lines[-1].startswith("OK"), result.text
    return lines


@contextlib.contextmanager
def references(bench, guest, region, allow=0):
    """A grant that is not published: (id, first reference)."""
    made = bench.dom0(f"iomem-ktest grant {guest.domid} {region} {allow}").check().out.split()
    yield int(made[0]), int(made[1])
    ended = bench.dom0(f"iomem-ktest end {made[0]}")
    assert ended.rc == 0, ended.text


def entries(bench):
    """What LIST says: {id: {field: text}}."""
    lines = bench.dom0("iomem-ktest list").check().out.splitlines()
    fields = [dict(re.findall(r"([a-z]+)=(\S+)", line)) for line in lines]
    return {int(entry["id"]): entry for entry in fields}


def module_users(run):
    return run("awk '$1 == \"xen_iomemgrant\" { print $3 }' /proc/modules").check().out.strip()
