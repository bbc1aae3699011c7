# SPDX-License-Identifier: GPL-2.0-or-later
"""PVH: keeping access by moving things about in the physical address space."""

import struct

from world import BUFFER, HOST_MAP, HVM, MEMORY, OKAY, SELF, attack

DECREASE, POPULATE, ADD, EXCHANGE, REMOVE, ADD_BATCH = 1, 6, 7, 11, 15, 23


def add(g, space, idx, gfn, size=0, dom=SELF):
    return g.call(MEMORY, ADD, BUFFER, data=struct.pack("<HHIQQ", dom, size, space, idx, gfn))[0]


def remove(g, gfn):
    return g.call(MEMORY, REMOVE, BUFFER, data=struct.pack("<HxxxxxxQ", SELF, gfn))[0]


def reservation(g, cmd, gfn, order=0):
    data = struct.pack("<QQIIHxxxxxx", g.buffer + 64, 1, order, 0, SELF) + bytes(32) + struct.pack("<Q", gfn)
    return g.call(MEMORY, cmd, BUFFER, data=data)[0]


def spare(g):
    """A gfn of RAM that Linux will not look at again."""
    return g.one("alloc 0")[2] >> 12


@attack("pvh", "a stale page table entry, with the other CPU writing all the time")
def stale(w, g, t):
    h = w.hold(g, 128, t)
    g.go("zero", *g.put(0, h.entry))
    h.alive(g.va(0))
    g.thread(1, *[f"wr 4 {g.va(0):#x} 0x11111111"] * 64, "add 0 64")
    g.one("usleep 20000")
    t.equal("the other CPU's writes", h.witness(), 0x11111111)
    h.unmap()
    h.ended()
    w.bench.shm_write(128 * 4096, struct.pack("<I", 0x22222222))
    before = g.one("count 0")[0]
    g.one("usleep 50000")
    after = g.one("count 0")[0]
    t.true(f"the other CPU has stopped at {before}", after > before > 0)
    t.equal("witness", h.witness(), 0x22222222)
    g.one("stop")
    h.dead(g.va(0))
    t.note(f"{after} writes")


@attack("pvh", "removing, ballooning and overlaying the address")
def overlaid(w, g, t):
    gfn = g.hole >> 12
    ways = {
        "remove": lambda: remove(g, gfn),
        "remove twice": lambda: (remove(g, gfn), remove(g, gfn))[1],
        "decrease": lambda: reservation(g, DECREASE, gfn),
        "foreign": lambda: add(g, 4, spare(g), gfn),
        "device": lambda: add(g, 5, w.bar, gfn),
        "what is no space": lambda: add(g, 6, 0, gfn),
        "no grant frame": lambda: add(g, 1, 1 << 20, gfn),
        "no RAM": lambda: add(g, 2, gfn + 64, gfn),
    }
    for n, (name, way) in enumerate(ways.items()):
        h = w.hold(g, 129 + n, t)
        g.go(*g.put(0, h.entry))
        h.alive(g.va(0))
        t.note(f"{name} {way()}")
        h.over(g.va(0))


@attack("pvh", "moving the mapping elsewhere before it is unmapped")
def moved(w, g, t):
    gfn = g.hole >> 12
    for space, size in ((2, 0), (3, 1), (4, 0)):
        h = w.hold(g, 150, t)
        g.go(*g.put(0, h.entry), *g.put(1, h.entry + 0x7000))
        h.alive(g.va(0))
        for idx in (gfn, h.frame):
            t.refused(f"space {space} of {idx:#x}", add(g, space, idx, gfn + 7, size))
        data = struct.pack("<HHHHQQQQ", SELF, space, 1, 0, 0, g.buffer + 64, g.buffer + 72, g.buffer + 80)
        data += bytes(64 - len(data)) + struct.pack("<QQQ", gfn, gfn + 7, 0)
        rc, after = g.call(MEMORY, ADD_BATCH, BUFFER, data=data)
        t.true("batch", rc or struct.unpack_from("<i", after, 80)[0])
        h.over(g.va(0), g.va(1))
    h = w.hold(g, 151, t)
    g.go(*g.put(0, h.entry))
    data = b"".join(struct.pack("<QQIIHxxxxxx", g.buffer + at, 1, 0, 0, SELF) for at in (128, 136)) + bytes(8)
    data += bytes(128 - len(data)) + struct.pack("<QQ", gfn, gfn)
    t.refused("exchange", g.call(MEMORY, EXCHANGE, BUFFER, data=data)[0])
    h.alive(g.va(0))
    h.over(g.va(0))


@attack("pvh", "two references at one address, and the address used anew before the unmap")
def reused(w, g, t):
    gfn = g.hole >> 12
    a = w.hold(g, 152, t)
    second = w.grant(g, w.bar + 153)
    t.refused("a place in use", g.gmap(second)[0])
    t.refused("the same again", g.gmap(a.ref)[0])
    remove(g, gfn)
    status, handle, _ = g.gmap(second)
    t.note(f"after remove: {status}")
    g.go(*g.put(0, a.entry))
    if status == 0:
        b = type(a)(w, g, 153, second, handle, t)
        b.alive(g.va(0))
        first = g.unmap(a.handle)
        t.equal("unmap of the first", first, OKAY)
        a.ended()
        a.dead()
        # Whether the second is still there is the guest's own affair; its end is not.
        t.equal("unmap of the second", g.unmap(handle), OKAY)
        b.ended()
        b.dead(g.va(0))
    else:
        a.over(g.va(0))
        t.true("dom0's end", w.end(second))


@attack("pvh", "the place of an ordinary grant")
def ordinary_place(w, g, t):
    ram_va, ram_maddr, _ = w.dom0.one("alloc 0")
    ram = w.grant(g, ram_maddr >> 12)
    status, handle, _ = g.gmap(ram, HOST_MAP, g.hole)
    t.equal("ordinary map", status, OKAY)
    ref = w.grant(g, w.bar + 155)
    t.refused("I/O memory over an ordinary grant", g.gmap(ref)[0])
    t.equal("unmap", g.unmap(handle, g.hole), OKAY)
    t.true("dom0's end", w.end(ref))
    t.true("dom0's end of RAM", w.end(ram))


@attack("pvh", "frames next to the granted one")
def neighbours(w, g, t):
    h = w.hold(g, 160, t)
    token = 0x5EC2E7
    before = w.bench.shm_read(0, 1 << 20)
    for n in range(256):
        if n != 160:
            w.bench.shm_write(n * 4096, struct.pack("<I", token))
    for delta in (-0x200000, -0x1000, 0x1000, 0x2000, 0x1FF000, 0x200000, 0x40000000, (h.frame << 12) - g.hole,
                  ((h.frame + 1) << 12) - g.hole):
        answers = g.go(*g.put(1, h.entry + delta), f"rd 4 {g.va(1):#x}", f"wr 4 {g.va(1):#x} 0x0bad0bad")
        t.true(f"something at {delta:#x}: {answers[2]}", answers[2][0] or answers[2][1] not in (token, 0x0BAD0BAD))
    changed = [n for n in range(256) if w.bench.shm_read(n * 4096, 4) == struct.pack("<I", 0x0BAD0BAD)]
    t.equal("pages written", changed, [])
    w.bench.shm_write(0, before)
    g.go(*g.put(0, h.entry))
    h.alive(g.va(0))
    h.over(g.va(0))


@attack("pvh", "HVM operations on the address and on the guest's own paging")
def hvm_operations(w, g, t):
    h = w.hold(g, 161, t)
    g.go(*g.put(0, h.entry))
    gfn = g.hole >> 12
    calls = [(HVM, (8, BUFFER), struct.pack("<HHIQ", SELF, kind, 1, gfn)) for kind in range(5)]
    # Paging in a ring, nested HVM, altp2m.
    calls += [(HVM, (0, BUFFER), struct.pack("<HxxIQ", SELF, param, 1)) for param in (12, 24, 35, 36)]
    calls += [(HVM, (25, BUFFER), struct.pack("<IIHxxI", 1, cmd, SELF, 0) + bytes(64)) for cmd in range(1, 16)]
    # Modified memory, translation of addresses, injecting traps; not 10, which asks for the time.
    calls += [(HVM, (cmd, BUFFER), struct.pack("<HHIQ", SELF, 1, 1, gfn) + bytes(16)) for cmd in (6, 7, 9, 12, 13, 14, 20)]
    for (_, args, data), rc in zip(calls, g.calls(calls)):
        t.refused(f"hvm_op {args[0]} {data[:16].hex()}", rc)
    h.alive(g.va(0))
    h.over(g.va(0))
