# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest's end in the middle of everything: dom0 has its pages back, and can grant them again."""

import struct
import time

from world import IOMEM, OKAY, UC, Guest, attack

from . import storm
from .tables import Table, room

PAGES = range(210, 226)


def job(g, *lines):
    """A program that does not come back."""
    text = "\n".join(lines)
    g.vm.start(f"exec 3<>/dev/hostile; cat >&3 <<'END'\n{text}\nEND\ncat <&3")


def shutdown(reason):
    return lambda w, g: job(g, f"wr 8 {g.page:#x} {reason}", f"hc 29 2 {g.page:#x}")


def populate(w, g):
    """What Xen answers by crashing the domain, if it has a page left to give: one goes back first."""
    def reservation(frame):
        data = struct.pack("<QQIIHxxxxxx", g.buffer + 64, 1, 0, 0, 0x7FF0) + bytes(32) + struct.pack("<Q", frame)
        return f"fill {g.buffer:#x} {data.hex()}"

    spare = g.one("alloc 0")[2] >> 12
    job(g, reservation(spare), f"hc 12 1 {g.buffer:#x}", reservation(g.hole >> 12), f"hc 12 6 {g.buffer:#x}")


def move_ram(w, g):
    spare = g.one("alloc 0")[2] >> 12
    job(g, f"fill {g.buffer:#x} {struct.pack('<HHIQQ', 0x7FF0, 0, 2, spare, g.hole >> 12).hex()}", f"hc 12 7 {g.buffer:#x}")


def ordinary_over(w, g):
    ram = w.grant(g, w.dom0.one("alloc 0")[1] >> 12)
    job(g, f"gmap 0 {ram} 2 {g.hole:#x}")


def nothing(w, g):
    """Destroyed while it runs."""


WAYS = {
    "pv": [("destroyed", nothing), ("crashed", shutdown(3)), ("suspended and destroyed", shutdown(2)), ("rebooted", shutdown(1))],
    "pvh": [("crashed by populating over the page", populate), ("destroyed", nothing), ("crashed", shutdown(3)),
            ("crashed by RAM moved over the page", move_ram), ("crashed by an ordinary grant over the page", ordinary_over),
            ("suspended and destroyed", shutdown(2)), ("powered off", shutdown(0))],
}
# What Xen says of a guest that did this to itself.
EXPECTED = r"domain_crash called from|Domain \d+ \(vcpu#\d+\) crashed"


def everything(w, g, t):
    """Hold pages in every way at once, with both CPUs busy."""
    refs = w.grants(g, [(w.bar + n, 1) for n in PAGES])
    maps = [f"gmap 0 {ref} {IOMEM} {g.hole + n * 4096 if g.hole else 0:#x}" for n, ref in enumerate(refs)]
    t.equal("maps", [a[0] for a in g.go(*maps)], [OKAY] * len(refs))
    g.one("zero")
    value = [(w.bar + n) << 12 | UC for n in PAGES] if g.pv else [g.hole + n * 4096 | UC for n in range(len(PAGES))]
    for n in range(4):
        g.go(*g.put(n, value[n]))
    if g.pv:
        pinned, hooked = Table(g), Table(g)
        g.go(*pinned.fill({n: value[4] for n in range(64)}), pinned.pin(1))
        g.go(*hooked.fill({n: value[5] for n in range(64)}), f"mmu {room(g)[1]:#x} {hooked.maddr | 0x67:#x}")
    for cpu in (0, 1):
        g.thread(cpu, *[f"wr 4 {g.va(n):#x} 0x0bad{n:04x}" for n in range(4)], "add 0 4", "usleep 10")
    # One more page that comes and goes.
    racing = w.grant(g, w.bar + 230)
    storm.referee(w, racing, 230)
    g.hole, hole = g.hole + 0x100000 if g.hole else 0, g.hole
    g.thread(0, *storm.mapper(g, racing))
    g.hole = hole
    if g.pv:
        g.thread(1, *storm.writer(g, 6, (w.bar + 230) << 12 | UC))
    time.sleep(0.3)
    t.true("nothing was written", g.one("count 0")[0] > 0)
    t.equal("witness", w.bench.shm_read(PAGES[1] * 4096, 4), struct.pack("<I", 0x0BAD0001))
    return refs, racing


def die(w, g, t, name, way):
    refs, racing = everything(w, g, t)
    t.equal("ends while it lives", sum(w.ends([(ref, 1) for ref in refs])), 0)
    way(w, g)
    if way is not nothing:
        deadline = time.monotonic() + 120
        while not g.stopped():
            if time.monotonic() > deadline:
                t.true("it goes on living", False)
                break
    w.bench.forget(g.name)
    w.guests.pop(g.kind)
    t.equal("ends of it all", sum(w.ends([(ref, 1) for ref in refs])), len(refs))
    time.sleep(0.2)
    w.dom0.one("stop")
    t.equal("pages that changed after the end", w.dom0.one("count 1")[0], 0)
    t.true("the racing page's end", w.flags(racing) == 0 or w.end(racing))
    pages = list(PAGES) + [230]
    for n in pages:
        w.bench.shm_write(n * 4096, struct.pack("<I", 0x600D0000 + n))
    time.sleep(0.2)
    moved = [n for n in pages if w.bench.shm_read(n * 4096, 4) != struct.pack("<I", 0x600D0000 + n)]
    t.equal("pages that still move", moved, [])
    t.note(name)
    # Granted again, to whoever is there.
    w.born += 1
    heir = next(iter(w.guests.values()), None) or Guest(w, f"heir-{w.born}", g.kind)
    w.guests.setdefault(heir.kind, heir)
    again = w.grants(heir, [(w.bar + n, 1) for n in PAGES])
    lines = [f"gmap 0 {ref} {IOMEM} {heir.hole + n * 4096 if heir.hole else 0:#x}" for n, ref in enumerate(again)]
    answers = heir.go(*lines)
    t.equal("maps by the next", [a[0] for a in answers], [OKAY] * len(again))
    t.equal("unmaps", [a[0] for a in heir.go(*[f"gunmap {a[1]} 0 0" for a in answers])], [OKAY] * len(again))
    t.true("dom0's ends", all(w.ends([(ref, 1) for ref in again])))


@attack("pv pvh", "dying in the middle of it all")
def deaths(w, g, t):
    ways = WAYS[g.kind]
    for n in range(w.rounds):
        kind = g.kind
        name, way = ways[(w.seed - 1 + n) % len(ways)]
        die(w, g, t, name, way)
        if n + 1 < w.rounds:
            if kind not in w.guests:
                w.born += 1
                w.guests[kind] = Guest(w, f"hostile-{kind}{w.born}", kind)
            g = w.guests[kind]
