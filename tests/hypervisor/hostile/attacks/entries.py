# SPDX-License-Identifier: GPL-2.0-or-later
"""PV: keeping access by page table entries, and miscounting them."""

import struct

from world import EAGAIN, OKAY, UC, UVM_ALL, attack

PRESERVE, NO_TRANSLATE = 2, 3


@attack("pv", "keep a kernel page table entry")
def kernel_entry(w, g, t):
    h = w.hold(g, 1, t)
    t.equal("entry", g.one(*g.put(0, h.entry))[0], 0)
    h.alive(g.va(0))
    h.busy()
    h.alive(g.va(0))
    g.go(*g.put(0, 0))
    h.over(g.va(0))
    t.refused("entry after the end", g.one(*g.put(0, h.entry))[0])
    h.dead(g.va(0))


@attack("pv", "keep an entry for user space, and write as the user")
def user_entry(w, g, t):
    h = w.hold(g, 2, t)
    answers = g.go("a=user", "e,o,v=pte $a 1", f"mmu $e {h.entry:#x}", "wr 4 $a 0x12345678",
                   f"gunmap {h.handle} 0 0", "mmu $e $o", f"gunmap {h.handle} 0 0", f"mmu $e {h.entry:#x}",
                   "mmu $e+2 0", "mmu $e 0", "mmu $e $o")
    t.equal("entry", answers[2][0], 0)
    t.equal("unmap with the entry there", answers[4][0], EAGAIN)
    t.equal("unmap", answers[6][0], OKAY)
    t.refused("entry afterwards", answers[7][0])
    t.equal("witness", h.witness(), 0x12345678)
    h.ended()


@attack("pv", "entries by the emulated store to a page table, and by cmpxchg")
def emulated_store(w, g, t):
    h = w.hold(g, 3, t)
    _, _, table = g.slots[0]
    t.equal("store", g.one(f"wr 8 {table:#x} {h.entry:#x}")[0], 0)
    h.alive(g.va(0))
    h.busy()
    now = g.one(f"rd 8 {table:#x}")[1]
    other = now & ~2 | 0x200
    answers = g.go(f"cas8 {table:#x} {now} {other}", f"gunmap {h.handle} 0 0", f"rd 8 {table:#x}",
                   f"cas8 {table:#x} {other} {now}", f"gunmap {h.handle} 0 0", f"wr 4 {g.va(0):#x} 7")
    t.equal("unmap after cmpxchg", [answers[1][0], answers[4][0]], [EAGAIN] * 2)
    t.equal("still writable", h.witness(), 7)
    # Halves of an entry are not what Xen emulates: whatever it does, it counts.
    g.go(f"wr 4 {table:#x} 0", f"wr 4 {table + 4:#x} 0", f"wr 1 {table:#x} 0", f"wr 8 {table:#x} 0")
    h.over(g.va(0))
    g.one(f"wr 8 {table:#x} {h.entry:#x}")
    h.dead(g.va(0))
    g.go(f"wr 8 {table:#x} 0", *g.put(0, 0))


@attack("pv", "entries by update_va_mapping and every command of mmu_update")
def other_calls(w, g, t):
    h = w.hold(g, 4, t)
    va, entry, _ = g.slots[0]
    ways = [f"uvm {va:#x} {h.entry:#x} {UVM_ALL}", f"mmu {entry:#x} {h.entry:#x} 0x7ff1",
            f"mmu {entry | PRESERVE:#x} {h.entry & ~0x60:#x}", f"mmu {entry | NO_TRANSLATE:#x} {h.entry:#x}",
            f"hc 22 {va:#x} {h.entry:#x} {UVM_ALL} 0x7ff0"]
    for n, way in enumerate(ways):
        done, unmap, store, clear = g.go(way, f"gunmap {h.handle} 0 0", f"wr 4 {va:#x} {0x70000000 + n:#x}", *g.put(0, 0))
        if done[0]:
            raise AssertionError(f"{way}: {done}")
        t.equal(f"unmap after {way}", unmap[0], EAGAIN)
        t.equal(f"witness after {way}", (h.witness(), store[0]), (0x70000000 + n, 0))
        t.equal("clearing", clear[0], 0)
    # Preserving the accessed and dirty bits of an entry that is not the same one any more.
    t.equal("preserve", g.go(*g.put(0, h.entry), f"mmu {entry | PRESERVE:#x} 0")[1][0], 0)
    h.over(va)
    w.bench.shm_write(4 * 4096, b"quiet")
    for way in ways:
        answers = g.go(way, f"rd 4 {va:#x}", f"wr 4 {va:#x} 1")
        t.refused(way, answers[0][0])
        t.true("stale access does not fault", answers[1][0] and answers[2][0])
    t.equal("witness", w.bench.shm_read(4 * 4096, 5), b"quiet")
    g.go(*g.put(0, 0))


@attack("pv", "make Xen lose count: flags changed with the frame kept")
def flag_changes(w, g, t):
    h = w.hold(g, 5, t)
    entry = g.slots[0][1]
    g.go(*g.put(0, h.entry), *g.put(1, h.entry))
    lines = []
    for bits in list(range(1, 12)) + list(range(52, 64)):
        for value in (h.entry ^ 1 << bits, h.entry):
            lines += [f"mmu {entry:#x} {value:#x}", f"mmu {entry | PRESERVE:#x} {value:#x}", f"uvm {g.va(0):#x} {value:#x} {UVM_ALL}"]
    changes = sum(a[0] == 0 for a in g.go(*lines))
    t.true("no change accepted", changes > 20)
    t.note(f"{changes} changes")
    # Not present and back, with the frame in it all the time.
    g.go(*(g.put(0, h.entry & ~1) + g.put(0, h.entry)) * 4)
    h.busy()
    g.go(*g.put(0, 0))
    h.busy()
    h.alive(g.va(1))
    g.go(*g.put(1, h.entry & ~1))
    h.over(g.va(0), g.va(1))
    # What was left behind with the frame in it must not become present.
    t.refused("present again", g.one(*g.put(1, h.entry))[0])
    g.one(f"wr 8 {g.slots[1][2]:#x} {h.entry:#x}")
    h.dead(g.va(1))
    g.go(*g.put(1, 0))


@attack("pv", "make Xen lose count: updates that fail half-way")
def failing_updates(w, g, t):
    h = w.hold(g, 6, t)
    _, entry, _ = g.slots[0]
    bad = [h.entry + 4096, h.entry - 4096, h.entry | 1 << 51, h.entry | 1 << 50]
    updates = [f"mmu {entry:#x} {value:#x}" for value in bad] * 8
    answers = g.go(*g.put(0, h.entry), *g.put(1, h.entry), *updates)
    for line, answer in zip(updates, answers[2:]):
        t.refused(line, answer[0])
    h.alive(g.va(0))
    h.busy()
    # In one batch: good, bad, good.
    batch = struct.pack("<6Q", g.slots[2][1], h.entry, g.slots[3][1], h.entry + 4096, g.slots[4][1], h.entry)
    rc, after = g.call(1, g.buffer, 3, g.buffer + 64, 0x7FF0, data=batch + bytes(24))
    t.refused("batch", rc)
    t.equal("of which were done", struct.unpack_from("<I", after, 64)[0], 1)
    h.busy()
    g.go(*g.put(0, 0), *g.put(1, 0))
    h.busy()
    h.alive(g.va(2))
    g.go(*g.put(2, 0), *g.put(3, 0), *g.put(4, 0))
    h.over(*[g.va(n) for n in range(5)])


@attack("pv", "cached mappings of what is not memory")
def cached(w, g, t):
    h = w.hold(g, 7, t)
    ways = (0x67, 0x6F, 0x77, 0x7F, 0xE7, 0xEF, 0xF7, 0xFF)
    answers = g.go(*[line for f in ways for line in (*g.put(0, h.frame << 12 | f), f"rd 8 {g.slots[0][2]:#x}")])
    for flags, put, read in zip(ways, answers[::2], answers[1::2]):
        now = read[1]
        t.true(f"{flags:#x} became {now:#x}", put[0] or now & 0x98 and (now >> 12 & 0xFFFFFFFFFF) == h.frame)
    g.go(*g.put(0, h.entry))
    h.busy()
    g.go(*g.put(0, 0))
    h.over(g.va(0))


@attack("pv", "entries of frames next to the granted one, and of wrapped numbers")
def neighbours(w, g, t):
    h = w.hold(g, 9, t)
    frames = [h.frame + n for n in (-9, -2, -1, 1, 2, 7)] + [h.frame ^ 1 << n for n in range(40)]
    frames += [w.bar, 0xFEE00, 0xFEC00, 0xFED00, 0xA0, 0, 0xFFFFF, 0xFFFFFFFFFF]
    lines, values = [], [f << 12 | UC for f in frames] + [h.entry | 1 << n for n in range(40, 52)]
    for value in values:
        va, entry, table = g.slots[0]
        lines += [f"mmu {entry:#x} {value:#x}", f"rd 8 {table:#x}", f"uvm {va:#x} {value:#x} 0", f"wr 8 {table:#x} {value:#x}",
                  f"rd 8 {table:#x}", f"mmu {entry:#x} 0"]
    answers = [g.go(*lines[n:n + 300]) for n in range(0, len(lines), 300)]
    answers = [a for part in answers for a in part]
    for n, value in enumerate(values):
        mmu, after, uvm, _, stored, clear = answers[n * 6:n * 6 + 6]
        t.refused(f"entry {value:#x}", mmu[0])
        t.refused(f"va mapping {value:#x}", uvm[0])
        t.equal(f"cleared after {value:#x}", clear[0], 0)
        for now in (after[1], stored[1]):
            t.true(f"{value:#x} is in a page table: {now:#x}", not now & 1 or now >> 12 & 0xFFFFFFFFFF == h.frame)
    h.over(g.va(0))
