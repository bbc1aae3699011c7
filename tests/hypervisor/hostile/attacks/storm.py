# SPDX-License-Identifier: GPL-2.0-or-later
"""Both kinds: races on two CPUs, with a referee in dom0, and garbage from a fixed seed."""

import struct
import time

from world import IOMEM, MAGIC, MEMORY, SELF, UC, attack

from .physmap import DECREASE, REMOVE
from .tables import Table, room

SECONDS = 3


def referee(w, ref, page):
    """dom0 ends the grant whenever it can, looks whether the page really is its own then, and grants again.

    Counters of dom0: 0 ends, 1 pages that changed after the end, 2 ends refused.
    """
    va, entry = w.bar_va + page * 4096, w.entry(ref)
    w.dom0.go("zero")
    w.dom0.thread(0, f"p=cas {entry:#x} 1 0", "e=eq $p 1", "n=eq $e 0", "add 2 $n", "unless $n 9",
                  f"-,v=rd 4 {va:#x}", f"wr 4 {va:#x} {MAGIC:#x}", "udelay 150", f"-,v=rd 4 {va:#x}",
                  f"e=eq $v {MAGIC:#x}", "f=eq $e 0", "add 1 $f", "add 0 1", f"cas {entry:#x} 0 1", "usleep 100")


def mapper(g, ref):
    """Map if it is not mapped, then try to unmap.  Counters of the guest: 0 maps, 1 unmaps, 2 unmaps refused."""
    return ["unless $m 4", f"s,h=gmap 0 {ref} {IOMEM} {g.hole:#x}", "m=eq $s 0", "add 0 $m", "set 0",
            "H=set $h", "r=random 200", "usleep $r", "n=eq $m 0", "unless $n 6", "t=gunmap $h 0 0", "e=eq $t 0", "k=eq $t -4", "add 1 $e",
            "m=eq $e+$k 0", "add 2 $m", "set 0"]


def writer(g, slot, value):
    """Put an entry in, write through it, take it out.  Counters: 3 entries, 4 writes."""
    va, entry, _ = g.slots[slot]
    return [f"r=mmu {entry:#x} {value:#x}", "e=eq $r 0", "add 3 $e", f"w=wr 4 {va:#x} 0x0bad0001", "f=eq $w 0", "add 4 $f",
            "r=random 30", "udelay $r", f"w=wr 4 {va:#x} 0x0bad0002", f"mmu {entry:#x} 0"]


def settle(w, g, t, ref, what):
    """After the storm: unmap what is mapped, end, and nothing moves any more."""
    w.dom0.one("stop")
    if g.pv:
        g.go(*[line for slot in range(8) for line in g.put(slot, 0)])
        va, entry, value = room(g)
        g.one(f"mmu {entry:#x} {value:#x}")
    g.one("gunmapn 0 2048")
    ends, changed, refused = [a[0] for a in w.dom0.go("count 0", "count 1", "count 2")]
    t.equal("pages that changed after the end", changed, 0)
    t.true(f"only {ends} ends", ends > 10)
    t.note(f"{what}: {ends} ends, {refused} refused")
    if w.flags(ref) == 1:
        t.equal("dom0's end", w.end(ref), True)
    else:
        t.true(f"dom0's entry is {w.flags(ref):#x}", w.flags(ref) == 0)


@attack("pv", "entries and tables put in while the other CPU unmaps")
def race_pv(w, g, t):
    ref, frame = w.grant(g, w.bar + 200), w.bar + 200
    value, table = frame << 12 | UC, Table(g)
    va, entry, old = room(g)
    g.go("zero", *table.fill({0: value, 511: value}), f"mmu {entry:#x} 0", *[line for n in range(3) for line in g.put(n, 0)])
    referee(w, ref, 200)
    g.thread(0, *mapper(g, ref))
    g.thread(1, *writer(g, 0, value))
    g.thread(1, *writer(g, 1, value))
    g.thread(0, *writer(g, 2, value))
    # The table comes and goes: pinned, and hooked up.
    g.thread(1, f"r={table.pin(1)}", "e=eq $r 0", "add 5 $e", "r=random 50", "udelay $r", table.unpin)
    g.thread(0, f"r=mmu {entry:#x} {table.maddr | 0x67:#x}", "e=eq $r 0", "add 6 $e", f"w=wr 4 {va:#x} 0x0bad0003", "f=eq $w 0",
             "add 7 $f", f"mmu {entry:#x} 0", "usleep 20")
    # And whatever is or is not there is written to.
    g.thread(0, *[f"w=wr 4 {g.va(slot):#x} 0x0bad0004" for slot in (0, 1, 2) * 4], "usleep 30")
    time.sleep(SECONDS * w.rounds)
    counts = [a[0] for a in g.go("stop", *[f"count {n}" for n in range(8)])[1:]]
    settle(w, g, t, ref, "maps, unmaps, refused, entries, writes, pins, hooks, writes by hooks %s" % counts)
    for n, what in enumerate(("maps", "unmaps", "unmaps refused", "entries", "writes", "pins", "hooks", "writes by hooks")):
        t.true(f"no {what}", counts[n] > 0)
    # An entry that was accepted works.  One that was refused may, a little longer: nobody has flushed the TLB of the one
    # before it, which Xen need not until the unmap ends.  That it has by then is what the referee sees.
    t.true("entries that do not work", counts[4] >= counts[3] and counts[7] >= counts[6])
    g.go(table.writable)


@attack("pvh", "writing from one CPU while the other unmaps and moves things about")
def race_pvh(w, g, t):
    ref = w.grant(g, w.bar + 200)
    gfn = g.hole >> 12
    g.go("zero", *g.put(0, g.hole | UC), *g.put(1, g.hole | 0x67))
    remove, decrease = g.page + 2048, g.page + 2112
    g.go(f"fill {remove:#x} {struct.pack('<HxxxxxxQ', SELF, gfn).hex()}",
         f"fill {decrease:#x} {(struct.pack('<QQIIHxxxxxx', g.page + 2176, 1, 0, 0, SELF)).hex()}",
         f"fill {g.page + 2176:#x} {struct.pack('<Q', gfn).hex()}")
    referee(w, ref, 200)
    # Xen crashes a guest that uses an address while it is mapped anew: the fault finds nothing wrong.  So the writes,
    # announced by A, begin after the map, which sets G, and may go on after the unmap.
    g.thread(0, "unless $m 7", "n=eq $A 0", "x=eq $n 0", "unless $x 4", f"s,h=gmap 0 {ref} {IOMEM} {g.hole:#x}", "m=eq $s 0",
             "add 0 $m", "G=set $m", "r=random 200", "usleep $r", "n=eq $m 0", "unless $n 6", "t=gunmap $h 0 0", "e=eq $t 0",
             "add 1 $e", "m=eq $e 0", "add 2 $m", "G=set $m")
    writes = [f"w=wr 4 {g.va(0):#x} 0x0bad0001", f"w=wr 4 {g.va(1):#x} 0x0bad0002"] * 8
    g.thread(1, "A=set 1", "n=eq $G 0", "unless $n 22", *writes, "add 4 16", f"inv {g.va(0):#x}", f"-,v=rd 4 {g.va(0):#x}",
             "f=eq $v 0x0bad0001", "e=eq $v 0x0bad0002", "add 5 $e+$f", "A=set 0", "usleep 20")
    g.thread(0, f"hc {MEMORY} {REMOVE} {remove:#x}", "usleep 50", f"hc {MEMORY} {DECREASE} {decrease:#x}", "add 3 1", "usleep 50")
    time.sleep(SECONDS * w.rounds)
    counts = [a[0] for a in g.go("stop", *[f"count {n}" for n in range(6)])[1:]]
    settle(w, g, t, ref, "maps, unmaps, refused, removals, writes, reads of them %s" % counts)
    for n, what in ((0, "maps"), (1, "unmaps"), (3, "removals"), (4, "writes"), (5, "reads of what was written")):
        t.true(f"no {what}", counts[n] > 0)


@attack("pv pvh", "one reference mapped and unmapped on both CPUs at once")
def both_map(w, g, t):
    ref = w.grant(g, w.bar + 201)
    g.one("zero")
    referee(w, ref, 201)
    for cpu in (0, 1, 0, 1):
        lines = [line.replace(f"{g.hole:#x}", f"{g.hole + (cpu << 12):#x}") if g.hole else line for line in mapper(g, ref)]
        g.thread(cpu, *lines)
    # A handle somebody else is about to unmap.
    g.thread(1, "t=gunmap $H 0 0", "e=eq $t 0", "add 8 $e", "usleep 50")
    time.sleep(SECONDS * w.rounds / 2)
    counts = [a[0] for a in g.go("stop", "count 0", "count 1", "count 8")[1:]]
    settle(w, g, t, ref, f"maps, unmaps, unmaps by others {counts}")
    t.true(f"nobody unmapped what is another's: {counts}", counts[0] > 0 and counts[2] > 0)
    t.true(f"more unmaps than maps: {counts}", counts[1] + counts[2] <= counts[0])


@attack("pv pvh", "garbage in every field")
def garbage(w, g, t):
    ref = w.grant(g, w.bar + 202)
    ram_va, ram_maddr, _ = w.dom0.one("alloc 0")
    ram = w.grant(g, ram_maddr >> 12)
    base = g.va(0) if g.pv else g.hole
    before = w.bench.shm_read(0, 1 << 20)
    g.go(f"fuzzset {w.bar + 202:#x} {base:#x} {g.page_maddr:#x} {ram} {ref}",
         *[f"fuzzentry {n} {entry:#x} {table:#x}" for n, (_, entry, table) in enumerate(g.slots)])
    for n in range(w.rounds):
        calls, successes, violations, what = g.one(f"fuzz {w.seed + n} 5000", timeout=150)
        t.true(f"only {successes} of {calls} did anything", calls == 5000 and successes > 100)
        t.equal(f"violations ({what:#x}) with seed {w.seed + n}", violations, 0)
        t.note(f"seed {w.seed + n}: {calls} calls, {successes} successes")
    g.one("gunmapn 0 2048")
    t.equal("dom0's end", w.end(ref), True)
    t.equal("dom0's end of RAM", w.end(ram), True)
    t.equal("the BAR", w.bench.shm_read(0, 1 << 20) == before, True)
    # The machine does as before.
    h = w.hold(g, 203, t)
    g.go(*g.put(0, h.entry))
    h.alive(g.va(0))
    g.go(*g.put(0, 0))
    h.over()
