# SPDX-License-Identifier: GPL-2.0-or-later
"""Both kinds: every other hypercall that takes a frame or an address, with the granted page for it."""

import struct

from world import BUFFER, EAGAIN, EVTCHN, MEMORY, OKAY, PHYSDEV, SELF, VCPU, attack


def reservation(at, frame):
    """With the list of its one frame behind it."""
    return struct.pack("<QQIIHxxxxxxQ", at, 1, 0, 0, SELF, frame)


def exchange(at, frame):
    half = [struct.pack("<QQIIHxxxxxx", at + n, 1, 0, 0, SELF) for n in (72, 80)]
    return half[0] + half[1] + struct.pack("<QQQ", 0, frame, frame)


@attack("pv pvh", "the page as what Xen maps for itself")
def mapped_by_xen(w, g, t):
    h = w.hold(g, 44, t)
    g.go(*g.put(0, h.entry))
    h.alive(g.va(0))
    before = w.bench.shm_read(44 * 4096, 4096)
    frames = [f for f in (h.frame, h.frame + 1, g.hole >> 12) if f]
    for f in frames:
        calls = {
            "event array": (EVTCHN, (12, BUFFER), struct.pack("<Q", f)),
            "interrupts to end": (PHYSDEV, (17, BUFFER), struct.pack("<Q", f)),
            "interrupts to end, anew": (PHYSDEV, (28, BUFFER), struct.pack("<Q", f)),
            "GDT": (2, (BUFFER, 8), struct.pack("<Q", f)),
            "descriptor": (10, (f << 12, 0), bytes(8)),
            "performance counters": (40, (2, BUFFER), struct.pack("<IIQQQ", 0, 1, f, 0, 0)),
            "exchange": (MEMORY, (11, BUFFER), lambda at: exchange(at, f)),
        }
        for vcpu in range(4):
            calls[f"vcpu_info of {vcpu}"] = VCPU, (10, vcpu, BUFFER), struct.pack("<QII", f, 0, 0)
            calls[f"event control of {vcpu}"] = EVTCHN, (11, BUFFER), struct.pack("<QIIQ", f, 0, vcpu, 0)
        for space in range(2, 7):
            data = struct.pack("<HHIQQ", SELF, 1, space, f, (g.hole >> 12) + 9)
            calls[f"add_to_physmap {space}"] = MEMORY, (7, BUFFER), data
        # Making it permanent: what only a toolstack may.
        for cmd in (19, 20, 39):
            data = struct.pack("<IIHxxxxxxQQQ", cmd, 0x15, g.domid, h.frame, 1, 1)
            calls[f"domctl {cmd}"] = 36, (BUFFER,), data
        for what, rc in zip(calls, g.calls(calls.values())):
            t.refused(f"{what} with {f:#x}", rc)
        if g.pv:
            t.refused("machine to physical", g.one(f"mmu {f << 12 | 1:#x} 0")[0])
            # How many were given up.
            t.equal("decrease_reservation", g.calls([(MEMORY, (1, BUFFER), lambda at: reservation(at + 32, f))])[0], 0)
    t.equal("content", w.bench.shm_read(44 * 4096, 4096) == before, True)
    if g.pv:
        h.busy()
    g.go(*g.put(0, 0))
    h.over(g.va(0))


@attack("pv pvh", "Xen writing for the guest: the run state of a CPU")
def run_state(w, g, t):
    h = w.hold(g, 45, t)
    g.go(*g.put(0, h.entry))
    h.alive(g.va(0))
    for vcpu in (0, 1):
        t.equal("register", g.call(VCPU, 5, vcpu, BUFFER, data=struct.pack("<Q", g.va(0)))[0], 0)
    g.thread(1, "usleep 300")
    seen = set()
    for _ in range(4):
        g.one("usleep 20000")
        seen.add(w.bench.shm_read(45 * 4096, 48))
    moving = len(seen) > 1
    t.note(f"Xen {'writes' if moving else 'does not write'} there")
    t.true("a PV guest's run state is written through its page tables", moving or not g.pv)
    if g.pv:
        h.busy()
        g.go(*g.put(0, 0))
    h.over(g.va(0))
    w.bench.shm_write(45 * 4096, bytes(4096))
    g.one("usleep 100000")
    t.equal("still nothing", w.bench.shm_read(45 * 4096, 4096), bytes(4096))
    for vcpu in (0, 1):
        g.call(VCPU, 5, vcpu, BUFFER, data=struct.pack("<Q", g.page))
    g.go("stop", *g.put(0, 0))


@attack("pv", "the operation itself lying in the page it takes away")
def operation_inside(w, g, t):
    h = w.hold(g, 46, t)
    va = g.va(0)
    answers = g.go(*g.put(0, h.entry), f"wr 8 {va:#x} 0", f"wr 8 {va + 8:#x} 0", f"wr 4 {va + 16:#x} {h.handle}",
                   f"wr 4 {va + 20:#x} 99", f"hc 20 1 {va:#x} 1")
    t.equal("hypercall", answers[-1][0], 0)
    t.equal("status, as the device has it", struct.unpack("<h", w.bench.shm_read(46 * 4096 + 20, 2))[0], EAGAIN)
    # The entry is in the way of nothing but the unmap.
    import world
    ref = w.grant(g, w.bar + 47)
    data = struct.pack("<QIIHhIQ", 0, world.IOMEM, ref, 0, 99, 0, 0)
    lines = [f"wr 8 {va + n:#x} {struct.unpack_from('<Q', data, n)[0]:#x}" for n in range(0, 32, 8)]
    answers = g.go(*lines, f"hc 20 0 {va:#x} 1", f"rd 8 {va + 16:#x}")
    t.equal("map from inside", answers[-2][0], 0)
    status, handle = struct.unpack("<hI", struct.pack("<Q", answers[-1][1] & (1 << 64) - 1)[2:])
    t.equal("status", status, OKAY)
    g.go(*g.put(0, 0))
    h.over(va)
    answers = g.go(f"hc 20 1 {va:#x} 1")
    t.true("an operation that is gone", answers[0][0] != 0)
    t.equal("unmap", g.unmap(handle), OKAY)
    t.equal("dom0's end", w.end(ref), True)
