# SPDX-License-Identifier: GPL-2.0-or-later
"""Both kinds: arguments that are not what they should be."""

import struct

from world import BUFFER, DOMAIN, EAGAIN, HANDLE, HOST_MAP, IOMEM, OKAY, UC, Skip, attack


def statuses(g, lines):
    """First results of any number of lines."""
    return [a[0] for n in range(0, len(lines), 400) for a in g.go(*lines[n:n + 400])]


@attack("pv pvh", "flags, orders and bits that are none of either")
def flags(w, g, t):
    ref = w.grant(g, w.bar + 32)
    t.equal("the way to ask for it", g.gmap(0, IOMEM, 0, dom=0x7FF4)[0], DOMAIN)
    values = [IOMEM | 1 << n for n in range(32) if n != 5] + [IOMEM | n << 16 for n in range(1, 32)]
    values += [IOMEM | w.random.getrandbits(32) for _ in range(300)]
    values += [w.random.getrandbits(32) & ~0x22 for _ in range(100)]
    values = [v for v in values if v != IOMEM]
    lines = [f"gmap 0 {ref} {v:#x} {g.hole:#x}" for v in values]
    for v, status in zip(values, statuses(g, lines)):
        t.refused(f"flags {v:#x}", status)
    # With a place for an ordinary mapping, which it must not become.
    place = g.va(5) if g.pv else g.hole + 0x5000
    for v in (2, 3, 6, 0x22, 0x23, 0x26, 0x2A, 0x32 if g.pv else 0x22):
        t.refused(f"flags {v:#x} with a place", g.gmap(ref, v, place)[0])
    t.equal("dom0's end", w.end(ref), True)


@attack("pv pvh", "references, domains and places that are not ours")
def references(w, g, t):
    ref = w.grant(g, w.bar + 33)
    others = [n for n in range(1024) if n != ref] + [ref + 1024 * n for n in (1, 32, 1 << 10)]
    others += [ref | 1 << n for n in range(10, 32)] + [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000]
    for r, status in zip(others, statuses(g, [f"gmap 0 {r:#x} {IOMEM:#x} {g.hole:#x}" for r in others])):
        t.refused(f"reference {r:#x}", status)
    domains = [d for d in [1, 2, 3, 4, 5, 100, 0x7FEF, 0x8000, 0xFFFF, g.domid] + list(range(0x7FF0, 0x8000)) if d]
    for d, status in zip(domains, statuses(g, [f"gmap {d:#x} {ref} {IOMEM:#x} {g.hole:#x}" for d in domains])):
        t.refused(f"domain {d:#x}", status)
    places = [1, 8, 0xFFF, 0x1000, g.va(0), 1 << 52, 1 << 63, (1 << 64) - 4096, (1 << 64) - 1]
    if not g.pv:
        places = [g.hole + 1, g.hole + 8, g.hole + 0xFFF, 0, 0x1000, 0x100000, g.page_phys, 1 << 52, 1 << 63, (1 << 64) - 4096,
                  (1 << 48) - 4096, 1 << 44, (1 << 64) - 1]
    for p, status in zip(places, statuses(g, [f"gmap 0 {ref} {IOMEM:#x} {p:#x}" for p in places])):
        t.refused(f"at {p:#x}", status)
    t.equal("our own page", g.go(f"wr 8 {g.page:#x} 0x1234", f"rd 8 {g.page:#x}")[1], [0, 0x1234])
    t.equal("dom0's end", w.end(ref), True)


@attack("pv pvh", "a reference for somebody else")
def somebody(w, g, t):
    other = next((o for o in w.guests.values() if o is not g), None)
    if not other:
        raise Skip("needs both kinds of guests")
    ref = w.grant(other, w.bar + 34)
    t.refused("not yet mapped", g.gmap(ref)[0])
    h = other.gmap(ref)
    t.equal("by whom it is for", h[0], OKAY)
    t.refused("mapped by whom it is for", g.gmap(ref)[0])
    if g.pv:
        t.refused("entry", g.one(*g.put(0, (w.bar + 34) << 12 | UC))[0])
    lines = [f"gunmap {n} 0 0" for n in range(64)]
    t.true("handles of others", all(s != 0 for s in statuses(g, lines)))
    t.equal("unmap", other.unmap(h[1]), OKAY)
    t.equal("dom0's end", w.end(ref), True)


@attack("pv pvh", "entries of dom0 that do not allow it")
def bad_entries(w, g, t):
    frame, ram = w.bar + 35, w.dom0.page_maddr >> 12
    orders = (0, 1, 2, 9, 18, 31)
    refused = [(frame, flags) for flags in (0, 2, 3, 1 | 4, *[1 | n << 9 for n in orders[1:]])]
    refused += [(f, 1) for f in (ram, g.page_maddr >> 12 if g.pv else ram, 0xFEE00, 0xFEC00, 0xFED00, 0, 1, 0x100, 0xFFFFFFFF,
                                 0x80000000 | frame)]
    refs = w.grants(g, refused)
    lines = [f"gmap 0 {ref} {IOMEM | order << 16:#x} {g.hole:#x}" for ref in refs for order in orders]
    for line, status in zip(lines, statuses(g, lines)):
        t.refused(f"{line} of {dict(zip(refs, refused))[int(line.split()[2])]}", status)
    t.true("dom0's ends", all(w.ends([(ref, flags) for ref, (_, flags) in zip(refs, refused)])))
    # Bits nothing is said of.
    for flags in (1 | 0x20, 1 | 0x40, 1 | 0x80, 1 | 0x100, 1 | 0x4000):
        ref = w.grant(g, frame, flags)
        answers = g.go(f"s,h=gmap 0 {ref} {IOMEM} {g.hole:#x}", "unless $s 1", "gunmap $h 0 0")
        t.note(f"entry {flags:#x}: {answers[0][0]}")
        t.true(f"dom0's end of {flags:#x}", w.end(ref, flags))


@attack("pv pvh", "unmapping with everything wrong that can be")
def unmapping(w, g, t):
    h = w.hold(g, 36, t)
    bus = h.frame << 12 if g.pv else 0
    wrong = [(8, 0), (0x1000, 0), (g.hole + 0x1000, 0), (0, 8), (0, bus + 0x1000), (g.hole, bus + 1), ((1 << 64) - 1, 0),
             (0, (1 << 64) - 1), (g.page_phys, 0)]
    lines = [f"gunmap {h.handle} {a:#x} {b:#x}" for a, b in wrong]
    for line, status in zip(lines, statuses(g, lines)):
        t.refused(line, status)
    handles = [n for n in [h.handle + 1, h.handle - 1, h.handle | 1 << 16, h.handle | 1 << 31, 0x7FFFFFFF, 0xFFFFFFFF]
               + [w.random.getrandbits(32) for _ in range(64)] if n != h.handle and n >= 0]
    for n, status in zip(handles, statuses(g, [f"gunmap {n} 0 0" for n in handles])):
        t.refused(f"handle {n:#x}", status)
    t.equal("dom0's end", w.end(h.ref), False)
    t.equal("unmap with the right ones", g.unmap(h.handle, g.hole, bus), OKAY)
    t.equal("unmap again", g.unmap(h.handle), HANDLE)
    h.ended()
    t.refused("map after the end", g.gmap(h.ref)[0])
    # The same in one batch: the second finds nothing.
    h = w.hold(g, 36, t)
    one = struct.pack("<QQIi", 0, 0, h.handle, 0)
    rc, after = g.call(20, 1, BUFFER, 3, data=one * 3)
    t.equal("batch", [rc] + [struct.unpack_from("<h", after, n * 24 + 20)[0] for n in range(3)], [0, OKAY, HANDLE, HANDLE])
    h.ended()


@attack("pv pvh", "the same reference 300 times")
def often(w, g, t):
    ref = w.grant(g, w.bar + 37)
    step = 0 if g.pv else 4096
    rc, count, last, other = g.one(f"gmapn 0 {ref} {IOMEM:#x} {g.hole:#x} 300 {step}")
    t.true(f"only {count} mapped", count > 100)
    t.note(f"{count} mapped, then {other}")
    if g.pv:
        g.go(*g.put(0, (w.bar + 37) << 12 | UC))
    t.equal("dom0's end", w.end(ref), False)
    done = statuses(g, [f"gunmap {n} 0 0" for n in range(last + 1)]).count(0)
    if g.pv:
        # All but the last: with one of them there is permission, so which one says no is Xen's affair.
        t.true("unmapped to the end with an entry there", done < count)
        t.equal("dom0's end", w.end(ref), False)
        g.go(*g.put(0, 0))
        done += g.one(f"gunmapn 0 {last + 1}")[0]
    t.equal("unmapped", done, count)
    t.equal("dom0's end", w.end(ref), True)


@attack("pv pvh", "until there are no handles left")
def exhausted(w, g, t):
    refs = w.grants(g, [(w.bar + 64 + n, 1) for n in range(40)])
    step = 0 if g.pv else 4096
    lines = [f"gmapn 0 {ref} {IOMEM:#x} {g.hole + n * 0x200000 if g.hole else 0:#x} 250 {step}" for n, ref in enumerate(refs)]
    answers = g.go(*lines, timeout=300)
    total, highest = sum(a[1] for a in answers), max(a[2] for a in answers)
    reasons = {a[3] for a in answers}
    t.true(f"never out of handles: {reasons}", -13 in reasons or -1 in reasons)
    t.note(f"{total} handles, then {sorted(reasons)}")
    mapped = [(ref, 1) for ref, a in zip(refs, answers) if a[1]]
    t.equal("ends while mapped", sum(w.ends(mapped)), 0)
    unmapped, odd = g.one(f"gunmapn 0 {highest + 1}", timeout=300)
    t.equal("unmapped", (unmapped, odd), (total, 0))
    t.true("dom0's ends", all(w.ends([(ref, 1) for ref in refs])))
    h = w.hold(g, 38, t)
    h.over()


@attack("pv pvh", "one frame by two references, ended one after the other")
def twice(w, g, t):
    a = w.hold(g, 39, t)
    b = w.hold(g, 39, t, addr=g.hole + 0x1000 if g.hole else 0)
    entries = [a.entry, a.entry + (0 if g.pv else 0x1000)]
    g.go(*g.put(0, entries[0]), *g.put(1, entries[1]))
    a.alive(g.va(0))
    b.alive(g.va(1))
    status = g.unmap(a.handle)
    t.note(f"the first: {status}")
    ended = w.end(a.ref)
    t.equal("dom0's end of it", ended, status == OKAY)
    if g.pv:
        t.equal("the second", g.unmap(b.handle), EAGAIN)
        t.equal("dom0's end of it", w.end(b.ref), False)
        b.alive(g.va(1))
        g.go(*g.put(0, 0), *g.put(1, 0))
        if status:
            a.unmap()
            a.ended()
    else:
        a.dead(g.va(0))
        b.alive(g.va(1))
    b.over(g.va(0), g.va(1))


@attack("pv pvh", "ordinary mappings and copies of it, and it of what is ordinary")
def kinds_mixed(w, g, t):
    ram_va, ram_maddr, _ = w.dom0.one("alloc 0")
    w.dom0.one(f"wr 8 {ram_va:#x} 0x1234")
    ram = w.grant(g, ram_maddr >> 12)
    place = g.va(3) if g.pv else g.hole + 0x3000
    for mapped in (False, True):
        h = w.hold(g, 40, t) if mapped else None
        ref = h.ref if h else w.grant(g, w.bar + 40)
        for status in statuses(g, [f"gmap 0 {ref} {flags} {place:#x}" for flags in (1, 2, 3, 6, 7, 10)]):
            t.refused("ordinary map", status)
        before = w.bench.shm_read(40 * 4096, 4096)
        gfn = g.page_maddr >> 12 if g.pv else g.page_phys >> 12
        for flags, source, dest in ((1, (ref, 0, 0), (gfn, 0x7FF0, 0)), (2, (gfn, 0x7FF0, 0), (ref, 0, 0)),
                                    (3, (ref, 0, 0), (ref, 0, 8)), (3, (ram, 0, 0), (ref, 0, 0)), (3, (ref, 0, 0), (ram, 0, 0))):
            status = g.op(5, "QHHxxxxQHHxxxxHHh", *source, *dest, 64, flags, 99, status=36)
            t.refused(f"copy {flags} {source} {dest}", status)
        t.equal("content", w.bench.shm_read(40 * 4096, 4096) == before, True)
        for op in (1, 2, 3):
            t.refused("cache flush by reference", g.op(12, "QHHI", ref, 0, 64, op | 1 << 31, status=14))
            t.refused("cache flush by address", g.op(12, "QHHI", (w.bar + 40) << 12, 0, 64, op, status=14))
        if h:
            h.over()
        else:
            t.true("dom0's end", w.end(ref))
    status, handle, _ = g.gmap(ram, HOST_MAP, place)
    t.equal("ordinary map of RAM", status, OKAY)
    t.refused("I/O map of RAM in use", g.gmap(ram)[0])
    t.equal("unmap", g.unmap(handle, place), OKAY)
    t.refused("I/O map of RAM", g.gmap(ram)[0])
    t.true("dom0's end of RAM", w.end(ram))
