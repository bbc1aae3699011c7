# SPDX-License-Identifier: GPL-2.0-or-later
"""Many cycles leave nothing behind: figures before and after, equal.

IOMEMGRANT_CYCLES    offers and withdrawals to one guest of each kind (50)
IOMEMGRANT_SOAK      guests created, granted to and destroyed, of each kind (3)

The figures are in LOGS/soak.txt.
"""

import os
import re
import time

import pytest

from scenario import EDU_ID, module_forgets
from product import Agent, node

CYCLES = int(os.environ.get("IOMEMGRANT_CYCLES", "50"))
SOAK = int(os.environ.get("IOMEMGRANT_SOAK", "3"))


def figures(bench, granter):
    """What could grow: references, XenStore nodes, Xen's and dom0's free memory."""
    info = bench.dom0("xl info").check().out
    meminfo = bench.dom0("echo 3 > /proc/sys/vm/drop_caches; cat /proc/meminfo").check().out
    return {
        "module": granter.references(),
        "XenStore nodes": len(bench.xenstore().splitlines()),
        "Xen free MiB": int(re.search(r"^free_memory\s*: (\d+)", info, re.M)[1]),
        "dom0 free KiB": int(re.search(r"^MemFree:\s*(\d+)", meminfo, re.M)[1]),
        "dom0 slab KiB": int(re.search(r"^SUnreclaim:\s*(\d+)", meminfo, re.M)[1]),
    }


@pytest.fixture
def same_figures(bench, machine, granter, request):
    """What the test does may cost dom0 a few pages of caches, and nothing else."""
    def report(when, seen):
        with (machine.logs / "soak.txt").open("a") as file:
            print(f"{request.node.name} {when}: " + ", ".join(f"{k} {v}" for k, v in seen.items()), file=file)

    before = figures(bench, granter)
    report("before", before)
    yield lambda text: report("did", {text: f"{time.strftime('%H:%M:%S')}"})
    after = figures(bench, granter)
    report("after", after)
    for key in ("module", "XenStore nodes", "Xen free MiB"):
        assert after[key] == before[key], (key, before, after)
    # A leak of one page a cycle would show; caches that grow once do not.
    per_cycle = (after["dom0 slab KiB"] - before["dom0 slab KiB"]) / max(CYCLES, SOAK)
    assert per_cycle < 40, (before, after)


def test_offers_and_withdrawals(bench, guest, granter, same_figures):
    agent = Agent(guest)
    for number in range(CYCLES):
        grant = granter.grant(guest, f"{bench.edu}/0@0+4K", f"--label=n{number}")
        if number % 10 == 0:
            assert agent.read(grant, 0) == EDU_ID
        granter.revoke(grant)
    same_figures(f"{CYCLES} offers")
    assert guest.run("ls /dev/xen/iomem 2>/dev/null | grep -v by-label").out == ""


@pytest.mark.extra_guest
def test_guests_created_and_destroyed_with_a_grant(bench, kind, granter, same_figures):
    references = granter.references()
    for number in range(SOAK):
        name = f"soak-{kind}"
        victim = bench.start_guest(name, kind)
        grant = granter.grant(victim, f"{bench.shm}/2@0+8K")
        victim.start(f"iomem-probe hold {node(grant)} 8192").wait_for_output("mapped")
        victim.destroy()
        module_forgets(granter, references)
        granter.run(f"revoke {grant['id']} --ignore-missing").check()
        bench.dom0(f"rm -f /var/log/xen/console/guest-{name}.log /var/log/xen/xl-{name}.log*")
    same_figures(f"{SOAK} guests")
