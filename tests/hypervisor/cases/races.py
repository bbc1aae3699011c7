# SPDX-License-Identifier: GPL-2.0-or-later
"""Races, death, and operations that break off in the middle."""

import random
import time

from lab import BenchError, Endpoint, IOMEM, OKAY, case

EDU_ID = 0x010000ed


def run_stress(m, g, ref, check):
    """Threads of the guest map, unmap, make, use and drop entries, until m.seconds are over and dom0 ended the grant."""
    rc, va = m.dom0.open(m.shm)
    limit = m.seconds * 1000 + 60000
    check("started", 0, g.one(f"stress 0 {ref} {g.addr} {m.shm} 20071 {limit} 2")["rc"])
    time.sleep(m.seconds)
    end = m.dom0.one(f"end_witness {ref} 60000 {va} 4", timeout=180)
    a = g.one("stress_result 1", timeout=120)
    print(f"   dom0: {end}\n   guest: {a}")
    check("threads ended", 0, a["running"])
    check("unmaps that left an entry", 0, a["violations"])
    check("odd statuses", 0, a["odd"])
    check("dom0 ended the grant meanwhile", 1, end.get("ended", 0))
    check("words that moved after the end", 0, end.get("moved"))
    m.dom0.close(va)
    return a


@case("pv")
def T38(m, g, check):
    a = run_stress(m, g, m.grant(g, m.shm), check)
    check("work was done", True, a["maps"] > 20 and a["adds"] > 100 and a["writes"] > 100 and a["busy"] > 10)


@case("pv", "pvh2")
def T39(m, g, check):
    rounds = m.loops // 10
    ref, other = m.grant(g, m.shm), m.grant(g, m.edu)
    a = g.one(f"race_unmap 0 {ref} {IOMEM} {g.addr} {rounds}", timeout=300)
    check("two unmaps, one wins", (rounds, 0, 0, rounds), tuple(a.get(k) for k in ("one", "both", "none", "bad_handle")))
    a = g.one(f"race_map 0 {ref} {IOMEM} {g.addr} {rounds}", timeout=300)
    seen = tuple(a.get(k) for k in ("one", "both", "none", "bad_virt", "stuck"))
    if g.kind == "pv":
        check("two maps, both succeed", (0, rounds, 0, 0, 0), seen)
    else:
        check("two maps at one address, one wins", (rounds, 0, 0, rounds, 0), seen)
        rc, va = g.open(m.edu)
        a = g.one(f"race_reuse 0 {other} {IOMEM} {g.addr} {rounds} {ref} {va} {EDU_ID}", timeout=300)
        print("   ", a)
        check("one goes, another comes", (rounds, 0, 0), (a["came"] + a["refused"], a["wrong"], a["stuck"]))
        g.close(va)
    check("end", [1, 1], [m.end(ref), m.end(other)])


@case("dom0", hypervisor="both")
def T40(m, _, check):
    """Guests destroyed at random points of the stress, one after the other; the first of each kind only warm up.

    On a stock hypervisor nothing is granted: what coming and going costs there is the measure for the patched one.
    """
    dice, ended = random.Random(40), 0
    mortals = [frozen(m, "pv", 2), frozen(m, "pvh", 1)]
    for n in range(-1, m.cycles + 1):
        g = mortals[n % 4 == 3]
        g.guest.thaw()
        g.domid = g.guest.domid
        if m.patched:
            ref = m.grant(g, m.shm)
            g.one(f"stress 0 {ref} {g.addr} {m.shm} {n + 1} 600000 2")
        time.sleep(dice.uniform(0, 1))
        g.guest.destroy()
        deadline = time.monotonic() + 30
        while m.patched and not m.end(ref) and time.monotonic() < deadline:
            time.sleep(0.1)
        ended += time.monotonic() < deadline
        if n == 0:
            before = settled(m)
        elif n % 10 == 0:
            print(f"    {n} guests, {m.free_pages() - before[0]:+d} pages", flush=True)
    for _ in range(20):
        after = settled(m)
        if after == before:
            break
    print(f"   {m.cycles} guests destroyed; free pages {before[0]} before, {after[0]} after; "
          f"active entries {len(before[2])} before, {len(after[2])} after")
    check("grants that ended", m.cycles + 2, ended)
    # Xen's small-object allocator may have taken a page for good; a leak would cost one a guest, or more.
    check("less than a page lost for two guests", True, before[0] - after[0] <= m.cycles // 2)
    # In MiB, rounded down: what the pages that are gone make of it, and not one more.
    check("xl info free_memory", before[1] - (before[0] // 256 - after[0] // 256), after[1])
    check("active entries of dom0's grant table", before[2], after[2])
    for g in mortals:
        g.guest.melt()


def frozen(m, kind, vcpus):
    """A guest that is up, saved: to be had again sooner than it boots."""
    guest = m.bench.start_guest(f"hv-mortal-{kind}", kind, memory=128, vcpus=vcpus, timeout=180)
    g = Endpoint(guest.run, guest.domid, kind)
    g.guest = guest
    guest.freeze()
    return g


def settled(m):
    """Free pages, free_memory, active entries; once destroyed domains are really gone."""
    pages = m.free_pages()
    for _ in range(20):
        time.sleep(0.5)
        before, pages = pages, m.free_pages()
        if before == pages and "null" not in m.bench.dom0("xl list").out:
            break
    else:
        raise BenchError("the number of free pages never settles")
    memory = int(m.bench.dom0("xl info free_memory").check().out)
    return pages, memory, m.active_grants()


@case("pv", "pvh", "dom0")
def T41(m, g, check):
    ref = m.grant(g, m.edu)
    torn = 100          # 128 maps of one entry at most
    a = g.one(f"map_torn 0 {ref} {IOMEM} {g.addr} 200 {torn}")
    check("map batch", -14, a["rc"])
    check("those before", (torn, torn), (a["okay"], a["unmapped"]))
    check("end", 1, m.end(ref))
    ref = m.grant(g, m.edu)
    a = g.one(f"unmap_torn 0 {ref} {IOMEM} {g.addr} {torn}")
    check("unmap batch", -14, a["rc"])
    check("those before", (torn, torn), (a["okay"], a["gone"]))
    check("end", 1, m.end(ref))


@case("iommu", "iommu-pvh")
def T37(m, g, check):
    """A guest with page tables of an IOMMU of its own: ordinary grants go there, I/O memory does not (PV)."""
    check("the hypervisor uses the IOMMU", True, "iommu" in m.bench.dom0("xl info virt_caps").out or
          any("I/O virtualisation enabled" in line for line in m.bench.console()))
    at = g.addr + 0x40000 if g.addr else g.one("window")["va"]
    ram = m.grant(g, m.dom0.one("page")["gfn"])
    for first in ("I/O memory", "RAM"):
        ref = m.grant(g, m.edu)
        if first == "RAM":
            o, a = g.map(ram, 2, at), g.map(ref)
        else:
            a, o = g.map(ref), g.map(ram, 2, at)
        check(f"{first} first: both mapped", (OKAY, OKAY), (a["status"], o["status"]))
        rc, va = g.open(m.edu)
        check("the device answers", EDU_ID, g.peek(va))
        g.close(va)
        order = [("I/O memory", lambda: g.unmap(a["handle"])), ("RAM", lambda: g.unmap(o["handle"], at))]
        for what, unmap in order if first == "RAM" else reversed(order):
            check(f"{first} first: unmap {what}", OKAY, unmap())
        check("end", 1, m.end(ref))
    check("end", 1, m.end(ram))
    ref = m.grant(g, m.edu)
    check("200 pairs", 0, g.one(f"loop 200 0 {ref} {IOMEM} {g.addr}")["bad"])
    check("mapped once more", OKAY, g.map(ref)["status"])
    m.release("iommu" if g.kind == "pv" else "iommu-pvh")
    check("the guest's death: end", 1, m.end(ref))
