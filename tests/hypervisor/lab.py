# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cases are written in: machine, endpoint, check."""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from bench import ATTEMPTS, Bench, BenchError, Products, explain  # noqa: E402, F401

OKAY, GENERAL, DOMAIN, GNTREF, HANDLE, VIRT, DEV, PERM, PAGE, EAGAIN, SPACE = 0, -1, -2, -3, -4, -5, -6, -8, -9, -12, -13
IOMEM = 0x20


class Skip(Exception):
    """This case cannot run here; the text says why."""


class Endpoint:
    """A domain with iomem_hvtest loaded.  hvt() runs commands and returns their answers as dicts."""

    def __init__(self, run, domid, kind):
        self.run, self.domid, self.kind = run, domid, kind
        self.run("insmod /root/iomem_hvtest.ko").check()
        self._window = None
        # Where a grant is mapped: nowhere for PV, a hole of the physmap otherwise.
        self.addr = 0 if kind != "pvh" else self.one("hole 256")["gpa"]

    def hvt(self, *commands, timeout=120):
        out = self.run("hvt " + " ".join(f"'{c}'" for c in commands), timeout).out
        return [dict((k, _number(v)) for k, v in (w.split("=", 1) for w in line.split() if "=" in w))
                for line in out.splitlines()]

    def one(self, command, timeout=120):
        answers = self.hvt(command, timeout=timeout)
        return answers[0] if answers else {}

    def map(self, ref, flags=IOMEM, addr=None, dom=0):
        return self.one(f"map {dom} {ref} {flags} {self.addr if addr is None else addr}")

    def unmap(self, handle, addr=0, bus=0):
        return self.one(f"unmap {handle} {addr} {bus}")["status"]

    def open(self, frame, addr=None):
        """Make the granted page readable by kernel code: (errno, virtual address)."""
        if self.kind == "pvh":
            answer = self.one(f"ioremap {self.addr if addr is None else addr} 4096")
            return answer["rc"], answer["va"]
        va = self.one("window")["va"]
        return self.one(f"va {va} {frame}")["rc"], va

    def close(self, va):
        self.one(f"iounmap {va}" if self.kind == "pvh" else f"va {va} 0 0")

    def peek(self, va):
        answer = self.one(f"peek {va}")
        return answer["value"] if answer["rc"] == 0 else answer["rc"]


def _number(text):
    try:
        return int(text, 0)
    except ValueError:
        return text


class Machine:
    """One boot of one hypervisor."""

    def __init__(self, xen=None, logs=None, **settings):
        subprocess.run(["make", "-sC", HERE], check=True, stdout=subprocess.DEVNULL)
        files = [(HERE / "module/iomem_hvtest.ko", "/root/iomem_hvtest.ko"), (HERE / "user/hvt", "/usr/bin/hvt"),
                 (HERE / "user/deny-iomem", "/usr/bin/deny-iomem")]
        self.bench = Bench(xen, Products(files=files), logs=logs, **settings)
        self.dom0 = Endpoint(self.bench.dom0, 0, "dom0")
        self.edu = self._bar(self.bench.edu, 0)
        self.shm = self._bar(self.bench.shm, 2)
        self.guests = {}
        self.patched = self.dom0.one(f"map 0x7ff4 0 {IOMEM}")["status"] == DOMAIN

    def _bar(self, bdf, bar):
        device = f"/sys/bus/pci/devices/{bdf}"
        text = self.bench.dom0(f"echo 1 > {device}/enable; cat {device}/resource").out
        return int(text.splitlines()[bar].split()[0], 0) >> 12

    def endpoint(self, kind):
        """The domain of that kind; a new one if the last one met its end in an earlier case."""
        if kind == "dom0":
            return self.dom0
        if kind in self.guests and self.guests[kind].guest.ended():
            self.bench.forget(self.guests.pop(kind).guest.name)
        if kind not in self.guests:
            extra = f'iomem=["{self.shm + 32:x},8"]' if kind == "static" else ""
            guest = self.bench.start_guest(f"hv-{kind}", "pv" if kind == "static" else kind, extra=extra,
                                           vcpus=2 if kind == "pv" else 1)
            self.guests[kind] = Endpoint(guest.run, guest.domid, "pv" if kind == "static" else kind)
            self.guests[kind].guest = guest
        return self.guests[kind]

    def grant(self, to, frame, flags=1):
        return self.dom0.one(f"grant {to.domid} {frame} {flags}")["ref"]

    def end(self, ref):
        return self.dom0.one(f"end_raw {ref}").get("ended")

    def ram_mfns(self):
        """Last page of the highest RAM range, and a page of ACPI tables, from Xen's own map."""
        found = re.findall(r"\[([0-9a-f]{16}), ([0-9a-f]{16})\] \(([^)]*)\)", "\n".join(self.bench.console()))
        ram = [int(e, 16) >> 12 for _, e, kind in found if "usable" in kind]
        acpi = [int(s, 16) >> 12 for s, _, kind in found if "ACPI" in kind]
        return max(ram, default=None), (acpi or [None])[0]
