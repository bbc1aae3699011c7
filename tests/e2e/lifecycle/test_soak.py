# SPDX-License-Identifier: GPL-2.0-or-later
"""Many cycles leave nothing behind: figures before and after, equal.

IOMEMGRANT_CYCLES    offers and withdrawals to one guest of each kind (50)
IOMEMGRANT_SOAK      domains created, granted to and destroyed, of each kind (3)

Domains come out of an image of a guest that was up, which is a domain like any other in a fraction of the time.
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
    # What a domain had comes back in its own time.
    free = bench.dom0("until f=$(toolstack free); sleep 0.5; [ $f = $(toolstack free) ]; do :; done; echo $f").check().out
    meminfo = bench.dom0("echo 3 > /proc/sys/vm/drop_caches; cat /proc/meminfo").check().out
    # In memory as everything there, and Xen says more with every PVH guest.
    logs = int(bench.dom0("du -sk /var/log/xen").check().out.split()[0])
    return {
        "module": granter.references(),
        "XenStore nodes": len(bench.xenstore().splitlines()),
        "Xen free pages": int(free.removeprefix("free=")),
        "dom0 free KiB": int(re.search(r"^MemFree:\s*(\d+)", meminfo, re.M)[1]) + logs,
        "dom0 slab KiB": int(re.search(r"^SUnreclaim:\s*(\d+)", meminfo, re.M)[1]),
    }


class Growth:
    """Figures before and after, and some on the way, in LOGS/soak.txt."""

    def __init__(self, request, machine, bench, granter):
        self.name, self.file = request.node.name, machine.logs / "soak.txt"
        self.bench, self.granter = bench, granter

    def note(self, when):
        seen = figures(self.bench, self.granter)
        with self.file.open("a") as file:
            print(f"{time.strftime('%H:%M:%S')} {self.name} {when}: " + ", ".join(f"{k} {v}" for k, v in seen.items()),
                  file=file)
        return seen

    def of(self, cycles, cycle, warm_up=2):
        """Run cycle(number) so many times after a warm-up; nothing may have grown with them."""
        for number in range(warm_up):
            cycle(number)
        before = self.note("before")
        for number in range(cycles):
            cycle(warm_up + number)
            if number % 50 == 49:
                self.note(f"{number + 1} of {cycles}")
        after = self.note("after")
        for key in ("module", "XenStore nodes"):
            assert after[key] == before[key], (key, before, after)
        # Caches and pools of small objects take a page now and then; guests without grants cost as much: T40 of
        # tests/hypervisor measures it.
        lost = before["Xen free pages"] - after["Xen free pages"]
        assert lost <= max(4, cycles // 10), (before, after)
        for key, sign in (("dom0 slab KiB", 1), ("dom0 free KiB", -1)):
            grown = sign * (after[key] - before[key])
            assert grown < 512 + cycles // 4, (key, before, after)


@pytest.fixture
def growth(request, machine, bench, granter):
    return Growth(request, machine, bench, granter)


def test_offers_and_withdrawals(bench, guest, granter, growth):
    agent = Agent(guest)

    def cycle(number):
        grant = granter.grant(guest, f"{bench.edu}/0@0+4K", f"--label=n{number}")
        if number % 10 == 0:
            assert agent.read(grant, 0) == EDU_ID
        granter.revoke(grant)

    growth.of(CYCLES, cycle)
    assert guest.run("ls /dev/xen/iomem 2>/dev/null | grep -v by-label").out == ""


@pytest.mark.extra_guest
def test_guests_created_and_destroyed_with_a_grant(bench, kind, granter, growth):
    references = granter.references()
    victim = bench.start_guest(f"soak-{kind}", kind, memory=160)
    victim.freeze()

    def cycle(_):
        victim.thaw()
        grant = granter.grant(victim, f"{bench.shm}/2@0+8K")
        victim.start(f"iomem-probe hold {node(grant)} 8192").wait_for_output("mapped")
        victim.destroy()
        module_forgets(granter, references)
        granter.run(f"revoke {grant['id']} --ignore-missing").check()
        bench.dom0(f"rm -f /var/log/xen/console/guest-{victim.name}.log /var/log/xen/xl-{victim.name}.log*")

    try:
        growth.of(SOAK, cycle)
    finally:
        bench.forget(victim.name)
        victim.melt()
