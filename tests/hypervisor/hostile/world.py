# SPDX-License-Identifier: GPL-2.0-or-later
"""What attacks are written in: the domains, their pages of the BAR, and what counts as answered."""

import random
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "e2e"))
from bench import Bench, BenchError, HostDied, Products  # noqa: E402,F401

OKAY, GENERAL, DOMAIN, GNTREF, HANDLE, VIRT, DEV, PERM, PAGE, EAGAIN, SPACE = 0, -1, -2, -3, -4, -5, -6, -8, -9, -12, -13
IOMEM, HOST_MAP, CONTAINS_PTE = 0x20, 2, 0x10
SELF = 0x7FF0
MMU, UVM_ALL, MEMORY, GRANT, VCPU, EXT, SCHED, EVTCHN, PHYSDEV, HVM = 1, 6, 12, 20, 24, 26, 29, 32, 33, 34
# Present, writable, user, uncachable, accessed, dirty.
UC = 0x7F
MAGIC = 0x600D600D

ATTACKS = []


def attack(kinds, what):
    """Register an attack (world, guest, test) for guests of these kinds."""
    def register(function):
        ATTACKS.append((function, kinds.split(), what))
        return function
    return register


class Skip(Exception):
    """This attack cannot run here."""


class Test:
    """What one attack has seen.  It failed unless something ran and everything was as it must be."""

    def __init__(self):
        self.ran, self.wrong, self.notes = 0, [], []

    def equal(self, what, got, want):
        self.ran += 1
        if got != want:
            self.wrong.append(f"{what}: {got}, not {want}")

    def refused(self, what, got):
        self.ran += 1
        if got == 0:
            self.wrong.append(f"{what}: accepted")

    def true(self, what, condition):
        self.ran += 1
        if not condition:
            self.wrong.append(what)

    def note(self, text):
        self.notes.append(str(text))


def number(word):
    """Errors are negative, addresses are not."""
    value = int(word)
    return value if value > -0x10000 else value + (1 << 64)


class Domain:
    """A domain with the module loaded."""

    def __init__(self, run, domid, kind):
        self.run, self.domid, self.kind = run, domid, kind
        self.pv = kind != "pvh"
        self.run("insmod /root/hostile.ko").check()
        (self.buffer, self.buffer_maddr, _), (self.page, self.page_maddr, self.page_phys) = self.go("alloc 2", "alloc 0")
        self.window = self.go("slot 16")[0][0]
        answers = self.go(*[f"pte {self.window + n * 4096:#x} 1" for n in range(16)])
        # Of each page of the window: address, where its page table entry is, and how to reach that.
        self.slots = [(self.window + n * 4096, a[0], a[2]) for n, a in enumerate(answers)]
        self.ref = self.go("ref")[0][0]

    def go(self, *lines, timeout=60):
        """Run a program: for each line a list of what it returned, None if it was skipped."""
        text = "\n".join(lines)
        out = self.run(f"exec 3<>/dev/hostile; cat >&3 <<'END'\n{text}\nEND\ncat <&3", timeout).check().out
        if out.startswith("error"):
            raise BenchError(f"not a program: {out}")
        return [None if line == "skipped" else [number(word) for word in line.split()] for line in out.splitlines()]

    def one(self, line, timeout=60):
        return self.go(line, timeout=timeout)[0]

    def thread(self, cpu, *lines):
        number = self.one("\n".join([f"thread {cpu}", *lines]))[0]
        if number < 0:
            raise BenchError(f"thread: {number}")

    # Lines of programs.

    def put(self, slot, value):
        """Write the entry of a page of the window."""
        va, entry, entry_va = self.slots[slot]
        if self.pv:
            return [f"mmu {entry:#x} {value:#x}"]
        return [f"wr 8 {entry_va:#x} {value:#x}", f"inv {va:#x}"]

    def va(self, slot):
        return self.slots[slot][0]

    # Operations whose structures are made here.

    def call(self, number, *args, data=b"", before=(), length=None):
        """A hypercall; BUFFER among the arguments is where the data are.  Result and the data afterwards."""
        args = [f"{self.buffer:#x}" if a is BUFFER else f"{a:#x}" for a in args]
        length = len(data) if length is None else length
        lines = [*before, f"fill {self.buffer:#x} {data.hex()}" if data else "set 0", f"hc {number} {' '.join(args)}"]
        lines += [f"rd 8 {self.buffer + n:#x}" for n in range(0, length, 8)]
        answers = self.go(*lines)[len(before) + 1:]
        return answers[0][0], b"".join(struct.pack("<Q", a[1] & (1 << 64) - 1) for a in answers[1:])

    def calls(self, calls):
        """Results of many hypercalls (number, arguments, data), the data at an address if they are a function of it."""
        lines = []
        for n, (number_, args, data) in enumerate(calls):
            at = self.buffer + n * 128
            data = data(at) if callable(data) else data
            lines += [f"fill {at:#x} {data.hex()}", f"hc {number_} {' '.join(f'{at if a is BUFFER else a:#x}' for a in args)}"]
        return [a[0] for a in self.go(*lines)[1::2]]

    def op(self, cmd, layout, *values, status):
        """A grant table operation; the status at this offset, or the hypercall's own."""
        data = struct.pack("<" + layout, *values)
        data += bytes(-len(data) % 8)
        rc, after = self.call(GRANT, cmd, BUFFER, 1, data=data)
        return rc or struct.unpack_from("<h", after, status)[0]


BUFFER = object()


class Guest(Domain):
    def __init__(self, world, name, kind):
        self.name, self.world = name, world
        # Few frames for handles, so that they can be exhausted.
        self.vm = world.bench.start_guest(name, kind, memory=160, vcpus=2, extra="max_maptrack_frames=4", module=False)
        super().__init__(self.vm.run, self.vm.domid, kind)
        # Nothing is there in the physical address space of a guest with 160 MiB.
        self.hole = 0 if self.pv else 0x180000000

    def mapped_at(self, frame):
        """What page table entries hold to reach a granted frame."""
        return frame << 12 if self.pv else self.hole

    def stopped(self):
        """Whether Xen has stopped it for good."""
        state = self.world.bench.dom0(f"xl list {self.domid} | awk 'NR == 2 {{ print $5 }}'").out.strip()
        return not state or "c" in state or "s" in state or "d" in state

    def gmap(self, ref, flags=IOMEM, addr=None, dom=0):
        return self.one(f"gmap {dom:#x} {ref:#x} {flags:#x} {self.hole if addr is None else addr:#x}")

    def unmap(self, handle, addr=0, bus=0):
        return self.one(f"gunmap {handle:#x} {addr:#x} {bus:#x}")[0]


class World:
    """One boot: dom0 grants pages of the shared memory device, whose content we see."""

    def __init__(self, xen, seed, rounds, logs=None):
        subprocess.run(["make", "-sC", HERE], check=True, stdout=subprocess.DEVNULL)
        self.random, self.seed, self.rounds = random.Random(seed), seed, rounds
        files = [(HERE / "module/hostile.ko", "/root/hostile.ko")]
        # Guests' messages limited as they are by default: none may flood the console.
        self.bench = Bench(xen, Products(files=files), cpus=3, logs=logs, ivshmem_size=1 << 20,
                           xen_options="guest_loglvl=none/warning")
        self.guests, self.token, self.born, self.judged = {}, 0, 0, 0
        self.dom0 = Domain(self.bench.dom0, 0, "pv")
        device = f"/sys/bus/pci/devices/{self.bench.shm}"
        text = self.bench.dom0(f"echo 1 > {device}/enable; cat {device}/resource").check().out
        self.bar = int(text.splitlines()[2].split()[0], 0) >> 12
        self.bar_va = self.dom0.one(f"ioremap {self.bar << 12:#x} {1 << 20:#x}")[0]
        self._find_entries()
        self.free = [a[0] for a in self.dom0.go(*["ref"] * 48)]

    def replace(self, kind):
        """A new guest for one that has met its end."""
        self.bench.forget(self.guests[kind].name)
        self.born += 1
        self.guests[kind] = Guest(self, f"hostile-{kind}{self.born}", kind)

    def _find_entries(self):
        """Map dom0's own grant table, to write entries Linux would not."""
        d, frames = self.dom0, 2
        data = struct.pack("<HxxIhxxxxxxQ", SELF, frames, 0, d.buffer + 64) + bytes(8)
        d.call(GRANT, 2, BUFFER, 1, data=data)
        mfns = [a[1] for a in d.go(*[f"rd 8 {d.buffer + 64 + n * 8:#x}" for n in range(frames)])]
        for n, mfn in enumerate(mfns):
            d.go(*d.put(n, mfn << 12 | 0x67))

    def entry(self, ref):
        return self.dom0.va(0) + ref * 8

    # Grants.

    def grant(self, guest, frame, flags=1):
        return self.grants(guest, [(frame, flags)])[0]

    def grants(self, guest, frames):
        """References for (frame, flags)."""
        if len(self.free) < len(frames):
            self.free += [a[0] for a in self.dom0.go(*["ref"] * (len(frames) + 16))]
        refs, self.free = self.free[:len(frames)], self.free[len(frames):]
        lines = []
        for ref, (frame, flags) in zip(refs, frames):
            # The flags last, as the protocol wants.
            lines += [f"wr 4 {self.entry(ref) + 4:#x} {frame:#x}", f"wr 4 {self.entry(ref):#x} {flags | guest.domid << 16:#x}"]
        self.dom0.go(*lines)
        return refs

    def flags(self, ref):
        return self.dom0.one(f"rd 8 {self.entry(ref):#x}")[1] & 0xFFFF

    def end(self, ref, flags=1):
        """dom0's end: whether it succeeded."""
        return self.ends([(ref, flags)])[0]

    def ends(self, refs):
        """The same for (reference, flags)."""
        # Posted writes are on their way until the grantor has read.
        answers = self.dom0.go(*[f"cas {self.entry(ref):#x} {flags:#x} 0" for ref, flags in refs], f"rd 4 {self.bar_va:#x}")
        results = [answer[0] == flags for answer, (_, flags) in zip(answers, refs)]
        self.free += [ref for (ref, _), ended in zip(refs, results) if ended]
        return results

    def hold(self, guest, page, test, addr=None):
        """A page of the BAR granted and mapped."""
        ref = self.grant(guest, self.bar + page)
        status, handle, bus = guest.gmap(ref, addr=addr)
        test.equal("map", status, OKAY)
        test.equal("bus address", bus, (self.bar + page) << 12 if guest.pv else 0)
        return Held(self, guest, page, ref, handle, test)


class Held:
    """A mapping, and what must be true of it."""

    def __init__(self, world, guest, page, ref, handle, test):
        self.world, self.guest, self.page, self.ref, self.handle, self.test = world, guest, page, ref, handle, test
        self.frame = world.bar + page
        self.entry = guest.mapped_at(self.frame) | UC

    def witness(self):
        return struct.unpack("<I", self.world.bench.shm_read(self.page * 4096, 4))[0]

    def alive(self, va):
        """The guest's writes through this address reach the device."""
        self.world.token += 1
        token = 0xA11E0000 + self.world.token
        self.guest.one(f"wr 4 {va:#x} {token:#x}")
        self.test.equal("witness moves while granted", self.witness(), token)

    def dead(self, *addresses):
        """They do not, nor do reads see what the device has."""
        self.world.token += 1
        token = 0xDEAD0000 + self.world.token
        self.world.bench.shm_write(self.page * 4096, struct.pack("<I", token))
        lines = [line for va in addresses for line in (f"rd 4 {va:#x}", f"wr 4 {va:#x} 0x0bad0bad")]
        answers = self.guest.go(*lines) if lines else []
        for rd, wr in zip(answers[::2], answers[1::2]):
            self.test.true(f"stale read saw the device: {rd}", rd[0] or rd[1] != token)
            if self.guest.pv:
                self.test.true("stale access does not fault", rd[0] and wr[0])
        self.test.equal("witness after the end", self.witness(), token)

    def unmap(self, want=OKAY):
        self.test.equal("unmap", self.guest.unmap(self.handle), want)

    def busy(self):
        """The guest still has access: it may not lose the handle, nor dom0 think otherwise."""
        self.unmap(EAGAIN)
        entry = self.world.entry(self.ref)
        seen, flags = self.world.dom0.go(f"cas {entry:#x} 1 0", f"rd 8 {entry:#x}")
        self.test.true(f"dom0 sees {flags[1] & 0xFFFF:#x}", flags[1] & 0x18 == 0x18)
        self.test.true("dom0's end succeeded", seen[0] != 1)

    def ended(self):
        self.test.equal("dom0's end", self.world.end(self.ref), True)

    def over(self, *addresses):
        """Unmap, end, and nothing is left."""
        self.unmap()
        self.ended()
        self.dead(*addresses)
