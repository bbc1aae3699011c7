# SPDX-License-Identifier: GPL-2.0-or-later
"""Both kinds: passing on what was granted, and operations on the grant table meanwhile."""

import struct

from world import BUFFER, GRANT, HANDLE, HOST_MAP, IOMEM, OKAY, SELF, Skip, attack

COPY = "QHHxxxxQHHxxxxHHh"


@attack("pv pvh", "granting it onwards")
def onwards(w, g, t):
    h = w.hold(g, 41, t)
    g.go(*g.put(0, h.entry))
    h.alive(g.va(0))
    before = w.bench.shm_read(41 * 4096, 4096)
    frames = {h.frame, g.hole >> 12} - {0}
    others = [("dom0", w.dom0)] + [(o.kind, o) for o in w.guests.values() if o is not g]
    for name, other in others:
        place = other.va(8) if other.pv else other.hole + 0x8000
        gfn = (other.page_maddr if other.pv else other.page_phys) >> 12
        for frame in frames:
            g.one(f"grant {g.ref} {other.domid} {frame:#x} 0")
            for flags in (1, HOST_MAP, HOST_MAP | 4, IOMEM, IOMEM | HOST_MAP):
                at = place if flags & HOST_MAP or not other.pv else 0
                status = other.one(f"gmap {g.domid} {g.ref} {flags} {at:#x}")[0]
                t.refused(f"{name} maps {frame:#x} with {flags:#x}", status)
            for flags, source, dest in ((1, (g.ref, g.domid, 0), (gfn, SELF, 0)), (2, (gfn, SELF, 0), (g.ref, g.domid, 0))):
                t.refused(f"{name} copies", other.op(5, COPY, *source, *dest, 64, flags, 99, status=36))
            t.equal("end", g.one(f"end {g.ref}")[0], 1)
    # To itself, by either name.
    for dom in (g.domid, SELF):
        for frame in frames:
            g.one(f"grant {g.ref} {g.domid} {frame:#x} 0")
            for flags in (HOST_MAP, IOMEM):
                place = g.va(8) if g.pv else g.hole + 0x8000
                t.refused("to itself", g.one(f"gmap {dom} {g.ref} {flags} {place if flags == 2 or not g.pv else 0:#x}")[0])
            t.equal("end", g.one(f"end {g.ref}")[0], 1)
    for frame in frames:
        for dom in (0, *[o.domid for o in w.guests.values()]):
            t.refused("transfer", g.op(4, "QHxxIhxxxxxx", frame, dom, h.ref, 99, status=16))
        for flags, source, dest in ((0, (frame, SELF, 0), (g.page_phys >> 12, SELF, 0)), (0, (frame, SELF, 0), (frame, SELF, 8))):
            t.refused("copy by number", g.op(5, COPY, *source, *dest, 64, flags, 99, status=36))
    t.equal("content", w.bench.shm_read(41 * 4096, 4096) == before, True)
    if g.pv:
        h.busy()
    g.go(*g.put(0, 0))
    h.over(g.va(0))


@attack("pv", "transitive grants of it")
def transitive(w, g, t):
    other = next((o for o in w.guests.values() if o is not g), None)
    if not other:
        raise Skip("needs both kinds of guests")
    h = w.hold(g, 42, t)
    # The guest's own table, as it sees it.
    data = struct.pack("<HxxIhxxxxxxQ", SELF, 1, 0, g.buffer + 64) + bytes(8)
    g.call(GRANT, 2, BUFFER, 1, data=data)
    mfn = g.one(f"rd 8 {g.buffer + 64:#x}")[1]
    t.equal("own table", g.one(*g.put(9, mfn << 12 | 0x67))[0], 0)
    entry = g.va(9) + 16 * g.ref
    rc = g.call(GRANT, 8, BUFFER, 1, data=struct.pack("<Q", 2))[0]
    if rc:
        t.note(f"version 2: {rc}")
    else:
        for what in (h.ref, 0):
            g.go(f"wr 8 {entry + 8:#x} {what}", f"wr 4 {entry + 4:#x} 0", f"wr 4 {entry:#x} {3 | other.domid << 16:#x}")
            gfn = other.page_phys >> 12
            for flags, source, dest in ((1, (g.ref, g.domid, 0), (gfn, SELF, 0)), (2, (gfn, SELF, 0), (g.ref, g.domid, 0))):
                status = other.op(5, COPY, *source, *dest, 64, flags, 99, status=36)
                t.refused("copy by a transitive grant", status)
            t.refused("map of a transitive grant", other.one(f"gmap {g.domid} {g.ref} {IOMEM} {other.hole:#x}")[0])
            g.go(f"wr 4 {entry:#x} 0")
        g.go(f"wr 8 {entry:#x} 0", f"wr 8 {entry + 8:#x} 0")
        back = g.call(GRANT, 8, BUFFER, 1, data=struct.pack("<Q", 1))[0]
        t.equal("version 1 again", back, 0)
    g.go(*g.put(9, 0), *g.put(0, h.entry))
    h.alive(g.va(0))
    h.busy()
    g.go(*g.put(0, 0))
    h.over(g.va(0))


@attack("pv pvh", "changing the version and swapping references with a mapping in place")
def versions(w, g, t):
    h = w.hold(g, 43, t)
    g.go(*g.put(0, h.entry))
    h.alive(g.va(0))
    data = struct.pack("<QQ", 2, 1)
    results = g.go(f"fill {g.buffer:#x} {data.hex()}", f"hc {GRANT} 8 {g.buffer:#x} 1", f"gunmap {h.handle} 0 8",
                   f"gmap 0 {h.ref} {IOMEM} 8", f"hc {GRANT} 8 {g.buffer + 8:#x} 1")
    t.note(f"set_version: {[r[0] for r in results[1:]]}")
    t.refused("unmap with a wrong address", results[2][0])
    t.note("swap: %s" % g.op(11, "IIhxxxxxx", g.ref, h.ref & 511, 99, status=8))
    t.note("swap back: %s" % g.op(11, "IIhxxxxxx", g.ref, h.ref & 511, 99, status=8))
    for version in (0, 3, 0xFFFFFFFF):
        t.refused(f"version {version}", g.call(GRANT, 8, BUFFER, 1, data=struct.pack("<Q", version))[0])
    h.alive(g.va(0))
    t.equal("dom0's end", w.end(h.ref), False)
    if g.pv:
        h.busy()
    g.go(*g.put(0, 0))
    h.over(g.va(0))
    status = g.op(0, "QIIHhIQ", g.hole, IOMEM, h.ref, 0, 99, 0, 0, status=18)
    t.refused("map after the end", status)
    t.true("a status at all", status != OKAY)


@attack("pv pvh", "unmap_and_replace, which is not for it")
def replace(w, g, t):
    places = [(0, 0), (0, g.va(1)), (g.va(0), g.va(1))] if g.pv else [(0, 0), (g.hole, 0), (g.hole, g.hole + 0x1000)]
    for host, new in places:
        for present in (False, True):
            h = w.hold(g, 48, t)
            g.go(*g.put(0, 0), *g.put(1, h.entry if present else 0))
            if present:
                h.alive(g.va(1))
            status = g.op(7, "QQIh", host, new, h.handle, 99, status=20)
            t.note(f"{host and 1}{new and 1}{present:d}: {status}")
            if g.pv and present:
                t.refused("replace with an entry there", status)
                h.busy()
                g.go(*g.put(0, 0), *g.put(1, 0))
            # If that was an unmap, it has to be a whole one: the handle gone, the grant over.
            after = g.unmap(h.handle)
            t.note(f"then {after}")
            t.true(f"unmap after {status}: {after}", after == OKAY or (after == HANDLE and status == OKAY))
            h.ended()
            h.dead(g.va(0), g.va(1))
    g.go(*g.put(1, 0))
