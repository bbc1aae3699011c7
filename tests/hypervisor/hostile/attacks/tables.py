# SPDX-License-Identifier: GPL-2.0-or-later
"""PV: page tables of the guest's own making, in use or not."""

from world import EAGAIN, OKAY, UC, UVM_ALL, attack

PIN, UNPIN = 0, 4


class Table:
    """A page that can become a page table: Linux's own mapping of it is made read-only and back."""

    def __init__(self, g):
        self.g = g
        self.va, self.maddr, _ = g.one("alloc 0")
        self.mapping = g.one(f"pte {self.va:#x} 1")[1]
        self.writable = f"uvm {self.va:#x} {self.mapping:#x} {UVM_ALL}"
        self.readonly = f"uvm {self.va:#x} {self.mapping & ~2:#x} {UVM_ALL}"

    def fill(self, entries):
        """Entry number: value."""
        return [self.writable] + [f"wr 8 {self.va + n * 8:#x} {value:#x}" for n, value in entries.items()] + [self.readonly]

    def pin(self, level):
        return f"ext {PIN + level - 1} {self.maddr >> 12:#x}"

    @property
    def unpin(self):
        return f"ext {UNPIN} {self.maddr >> 12:#x}"


def room(g):
    """2 MiB of addresses with a page table of their own: first address, the entry leading to it, what that holds."""
    if not hasattr(g, "room"):
        area = g.one("slot 1024")[0]
        va = (area + (2 << 20) - 1) & ~((2 << 20) - 1)
        entry, value, _ = g.one(f"pte {va:#x} 2")
        g.room = va, entry, value
    return g.room


@attack("pv", "an L1 table pinned and never hooked up")
def pinned(w, g, t):
    h, table = w.hold(g, 17, t), Table(g)
    answers = g.go(*table.fill({0: h.entry, 511: h.entry}), table.pin(1))
    t.equal("pin", answers[-1][0], 0)
    h.busy()
    # Entries of a pinned table change by mmu_update, too.
    t.equal("clear one", g.one(f"mmu {table.maddr:#x} 0")[0], 0)
    h.busy()
    t.equal("unpin", g.one(table.unpin)[0], 0)
    h.over()
    # The table still holds the frame.
    t.refused("pin again", g.one(table.pin(1))[0])
    va, entry, value = room(g)
    t.refused("hook up", g.one(f"mmu {entry:#x} {table.maddr | 0x67:#x}")[0])
    g.go(f"mmu {entry:#x} 0", f"mmu {entry:#x} {table.maddr | 0x67:#x}")
    h.dead(va + 511 * 4096)
    g.go(table.writable, f"mmu {entry:#x} {value:#x}")


@attack("pv", "an L1 table hooked up, pinned or not, taken off in every order")
def hooked(w, g, t):
    va, entry, value = room(g)
    for pin in (False, True):
        for unpin_first in (False, True):
            h, table = w.hold(g, 18, t), Table(g)
            lines = table.fill({3: h.entry}) + ([table.pin(1)] if pin else []) + [f"mmu {entry:#x} {table.maddr | 0x67:#x}"]
            t.equal("hook up", g.go(*lines)[-1][0], 0)
            h.alive(va + 3 * 4096)
            h.busy()
            steps = [table.unpin] if pin else []
            steps.insert(0 if not unpin_first else len(steps), f"mmu {entry:#x} 0")
            for n, step in enumerate(steps):
                t.equal(step, g.one(step)[0], 0)
                if n + 1 < len(steps):
                    h.busy()
            h.over(va + 3 * 4096)
            t.refused("hook up again", g.one(f"mmu {entry:#x} {table.maddr | 0x67:#x}")[0])
            h.dead(va + 3 * 4096)
            g.go(table.writable, f"mmu {entry:#x} {value:#x}")


@attack("pv", "a tree of tables pinned at L2 and L3, unpinned from below")
def tree(w, g, t):
    h = w.hold(g, 19, t)
    one, two, three = Table(g), Table(g), Table(g)
    g.go(*one.fill({7: h.entry}))
    g.go(*two.fill({0: one.maddr | 0x67, 1: one.maddr | 0x67}), *three.fill({0: two.maddr | 0x67}))
    t.equal("pins", [a[0] for a in g.go(one.pin(1), two.pin(2), three.pin(3))], [0, 0, 0])
    h.busy()
    for table in (one, two):
        t.equal("unpin", g.one(table.unpin)[0], 0)
        h.busy()
    # One of the two references of the L2 to the L1.
    t.equal("one less", g.one(f"mmu {two.maddr:#x} 0")[0], 0)
    h.busy()
    t.equal("unpin L3", g.one(three.unpin)[0], 0)
    h.over()
    for table, level in ((one, 1), (two, 2), (three, 3)):
        if level > 1:
            g.one(table.readonly)
        t.refused(f"pin L{level} again", g.one(table.pin(level))[0])
    g.go(one.writable, two.writable, three.writable)


@attack("pv", "tables that fail validation after the granted frame was counted")
def invalid(w, g, t):
    h = w.hold(g, 20, t)
    for where, bad in ((511, h.entry + 4096), (256, h.entry | 1 << 51), (1, 0xFEE00000 | UC), (511, 0xFFFFFFFFFF000 | UC)):
        table = Table(g)
        answers = g.go(*table.fill({0: h.entry, 255: h.entry, where: bad}), *[table.pin(1)] * 3,
                       f"mmu {room(g)[1]:#x} {table.maddr | 0x67:#x}", table.writable)
        for what, answer in zip(("pin", "pin", "pin", "hook up"), answers[-5:-1]):
            t.refused(f"{what} with {bad:#x}", answer[0])
    # Nothing may be left of it: neither too many nor, with one entry there, too few.
    g.go(*g.put(0, h.entry))
    h.busy()
    g.go(*g.put(0, 0))
    h.over(g.va(0))


@attack("pv", "512 entries in each of four tables, and one too few taken away")
def many(w, g, t):
    h, tables = w.hold(g, 21, t), [Table(g) for _ in range(4)]
    for table in tables:
        for start in (0, 256):
            g.go(*table.fill({n: h.entry for n in range(start, start + 256)}))
        t.equal("pin", g.one(table.pin(1))[0], 0)
    for table in tables[:3]:
        t.equal("unpin", g.one(table.unpin)[0], 0)
        h.busy()
    last = tables[3]
    g.go(*[f"mmu {last.maddr + n * 8:#x} 0" for n in range(256)])
    h.busy()
    g.go(*[f"mmu {last.maddr + n * 8:#x} 0" for n in range(256, 511)])
    h.busy()
    t.equal("the last", g.one(f"mmu {last.maddr + 511 * 8:#x} 0")[0], 0)
    h.over()
    g.go(last.unpin, *[table.writable for table in tables])


@attack("pv", "large pages, and the BAR as a page table")
def large(w, g, t):
    h = w.hold(g, 0, t)
    va, entry, value = room(g)
    third = g.one(f"pte {va:#x} 3")
    aligned = h.frame << 12 & ~((2 << 20) - 1)
    for bits in (0xE7, 0xFF, 0x10E7):
        t.refused("2 MiB", g.one(f"mmu {entry:#x} {aligned | bits:#x}")[0])
        t.refused("2 MiB", g.one(f"mmu {entry:#x} {h.frame << 12 | bits:#x}")[0])
    t.refused("the BAR as L1", g.one(f"mmu {entry:#x} {h.frame << 12 | 0x67:#x}")[0])
    t.refused("the BAR as L2", g.one(f"mmu {third[0]:#x} {h.frame << 12 | 0x67:#x}")[0])
    for level in range(4):
        t.refused(f"pin as L{level + 1}", g.one(f"ext {level} {h.frame:#x}")[0])
    for cmd in (UNPIN, 5, 15, 16, 19, 20):
        t.refused(f"mmuext {cmd}", g.one(f"ext {cmd} {h.frame:#x}")[0])
    before = w.bench.shm_read(0, 4096)
    t.refused("copy to", g.one(f"ext 17 {h.frame:#x} {g.page_maddr >> 12:#x}")[0])
    t.refused("copy from", g.one(f"ext 17 {g.page_maddr >> 12:#x} {h.frame:#x}")[0])
    t.equal("content", w.bench.shm_read(0, 4096) == before, True)
    h.over()


@attack("pv", "a recursive L2 entry as the way to the entries")
def recursive(w, g, t):
    h = w.hold(g, 22, t)
    va, entry, value = room(g)
    # An L2 in its own slot: what it maps are the tables, read-only at most.
    table = entry & ~0xFFF
    own = g.one(f"mmu {entry:#x} {table | 0x65:#x}")[0]
    if own == 0:
        index = (g.slots[0][0] >> 21) & 511
        inner = va + index * 4096 + ((g.slots[0][0] >> 12) & 511) * 8
        answers = g.go(*g.put(0, h.entry), f"rd 8 {inner:#x}", f"wr 8 {inner:#x} 0", f"gunmap {h.handle} 0 0", *g.put(0, 0),
                       f"wr 8 {inner:#x} {h.entry:#x}", f"gunmap {h.handle} 0 0")
        t.note(f"linear: {[a[0] for a in answers]}")
        t.true("it may be cleared by the emulated store only", answers[3][0] in (EAGAIN, OKAY))
        g.go(*g.put(0, 0))
    else:
        t.note(f"refused: {own}")
    g.one(f"mmu {entry:#x} {value:#x}")
    if g.unmap(h.handle) not in (OKAY, -4):
        t.true("unmap", False)
    h.ended()
    h.dead(g.va(0))


@attack("pv", "ordinary grants mapped over the entry, and unmap_and_replace moving it")
def replaced(w, g, t):
    h = w.hold(g, 23, t)
    ram_va, ram_maddr, _ = w.dom0.one("alloc 0")
    ram = w.grant(g, ram_maddr >> 12)
    (a, b), entry = (g.slots[0], g.slots[1]), h.entry
    # Over the entry: by address, and by the entry's own address.
    for flags, address in ((2, a[0]), (0x12, a[1])):
        g.go(*g.put(0, entry))
        h.alive(a[0])
        status, handle, _ = g.gmap(ram, flags, address)
        t.equal("ordinary map", status, OKAY)
        t.equal("unmap of the ordinary one", g.unmap(handle, address), OKAY)
        h.dead(a[0])
    # Moved: the entry at b goes to a.
    g.go(*g.put(1, entry))
    h.alive(b[0])
    status, handle, _ = g.gmap(ram, 2, a[0])
    t.equal("ordinary map", status, OKAY)
    status = g.op(7, "QQIh", a[0], b[0], handle, 99, status=20)
    t.equal("unmap_and_replace", status, OKAY)
    h.busy()
    h.alive(a[0])
    t.true("the old place still works", g.one(f"rd 4 {b[0]:#x}")[0])
    # The I/O mapping itself is not to be replaced.
    status = g.op(7, "QQIh", 0, b[0], h.handle, 99, status=20)
    t.refused("replace of I/O memory", status)
    status = g.op(7, "QQIh", a[0], b[0], h.handle, 99, status=20)
    t.refused("replace of I/O memory", status)
    h.busy()
    g.go(*g.put(0, 0))
    h.over(a[0], b[0])
    t.equal("dom0 ends the ordinary grant", w.end(ram), True)
