# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of the cases: machine, endpoint, check."""

import base64
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from abi import DOMID_INVALID, DOMID_SELF, GNTCOPY, GNTMAP, GNTST, GTF, map_order  # noqa: E402
from bench import Bench, BenchError, Products  # noqa: E402

# The first register of QEMU's edu device.
EDU_ID = 0x010000ed

# The MSI-X cases use the controller of this disk, which holds nothing.
NVME = ["-blockdev", "driver=null-co,node-name=none,size=67108864,read-zeroes=on",
        "-device", "nvme,serial=hvtest,drive=none,addr=12.0"]

# The domains cases run in: xl's type, and settings of bench.Guest.
KINDS = {
    "pv": dict(type="pv", vcpus=2),
    "pvh": dict(type="pvh"),
    "pvh2": dict(type="pvh", vcpus=2),
    "static": dict(type="pv"),
    "static-pvh": dict(type="pvh"),
    "iommu": dict(type="pv", extra='passthrough="enabled"'),
    "iommu-pvh": dict(type="pvh", extra='passthrough="enabled"'),
    "shadow": dict(type="pvh", extra="hap=0"),
    "nested": dict(type="pvh", extra="nestedhvm=1"),
}

# Guests that the hypervisor or the toolstack may refuse.
FRAIL = ("shadow", "nested", "iommu-pvh")

CASES = []


class Case:
    """A function (machine, guest, check), the kinds of domains and the hypervisors it runs on, its numbers in README.md."""

    def __init__(self, function, kinds, hypervisor, numbers):
        self.function, self.kinds, self.hypervisor, self.numbers = function, kinds, hypervisor, numbers
        self.name = function.__name__

    def chosen_by(self, word):
        """True if `word` is one of the numbers, or a part of the name."""
        return word in self.numbers or word in self.name


def case(*kinds, numbers="", hypervisor="patched"):
    """Register a case for these domains.  "stock" ones run on a stock hypervisor only, "both" ones on either."""
    def register(function):
        CASES.append(Case(function, kinds, hypervisor, numbers.split()))
        return function
    return register


class Skip(Exception):
    """This case cannot run here; the text says why."""


class Endpoint:
    """A domain with iomem_hvtest loaded.  hvt() runs commands and returns their answers as dicts."""

    def __init__(self, run, domid, kind):
        self.run, self.domid, self.kind = run, domid, kind
        self.guest = None
        self.run("insmod /root/iomem_hvtest.ko").check()
        # The address a grant is mapped at: none for PV, a hole of the physmap otherwise.
        self.addr = 0 if kind != "pvh" else self.one("hole 2048 512")["gpa"]

    def hvt(self, *commands, timeout=180):
        out = self.run("hvt " + " ".join(f"'{c}'" for c in commands), timeout).out
        return [dict((k, _number(v)) for k, v in (w.split("=", 1) for w in line.split() if "=" in w))
                for line in out.splitlines()]

    def one(self, command, timeout=180):
        answers = self.hvt(command, timeout=timeout)
        return answers[0] if answers else {}

    def map(self, ref, flags=GNTMAP.iomem_map, addr=None, dom=0):
        return self.one(f"map {dom} {ref} {flags} {self.addr if addr is None else addr}")

    def probe(self):
        """The status by which a domain finds out whether Xen knows the flag."""
        return self.map(0, addr=0, dom=DOMID_INVALID)["status"]

    def unmap(self, handle, addr=0, bus=0):
        return self.one(f"unmap {handle} {addr} {bus}")["status"]

    def place(self, offset):
        """An address for an ordinary map: this far behind `addr`, or a page of kernel memory for PV."""
        return self.addr + offset if self.addr else self.one("window")["va"]

    def beside(self, offset=0x1000):
        """An address for another map of I/O memory."""
        return self.addr + offset if self.addr else 0

    def copy_from(self, ref, page):
        """Copy from dom0's grant to the frame `page` of this domain."""
        return self.one(f"copy {GNTCOPY.source_gref} 0 {ref} 0 {DOMID_SELF} {page} 0 64")["status"]

    def copy_to(self, ref, page):
        return self.one(f"copy {GNTCOPY.dest_gref} {DOMID_SELF} {page} 0 0 {ref} 0 64")["status"]

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
    """One boot of one hypervisor, with the devices the cases want and an IOMMU."""

    nvme = "0000:00:12.0"

    def __init__(self, xen=None, logs=None, options="", cycles=6, seconds=6, loops=1000):
        subprocess.run(["make", "-sC", HERE], check=True, stdout=subprocess.DEVNULL)
        self.cycles, self.seconds, self.loops = cycles, seconds, loops
        files = [(HERE / "module/iomem_hvtest.ko", "/root/iomem_hvtest.ko"), (HERE / "user/hvt", "/usr/bin/hvt"),
                 (HERE / "user/toolstack", "/usr/bin/toolstack")]
        self.counts = Path(subprocess.run(["mktemp"], check=True, capture_output=True, text=True).stdout.strip())
        devices = NVME + ["-plugin", f"{HERE}/bench/count_insns.so,out={self.counts}"]
        self.bench = Bench(xen, Products(files=files), logs=logs, devices=devices, ivshmem_size=4 << 20, iommu=True, cpus=3,
                           xen_options=options)
        self.dom0 = Endpoint(self.bench.dom0, 0, "dom0")
        self.edu, self.shm = self.bar(self.bench.edu, 0), self.bar(self.bench.shm, 2)
        self.guests, self._skips = {}, {}
        self.patched = self.dom0.probe() == GNTST.bad_domain
        # Larger orders are part of the interface, and refused until they are implemented.
        larger = self.dom0.map(0, GNTMAP.iomem_map | map_order(1), 0, DOMID_INVALID)
        self.orders = larger["status"] == GNTST.bad_domain

    def close(self):
        self.bench.close()
        self.counts.unlink(missing_ok=True)

    def bar(self, bdf, bar):
        """First frame of a BAR; turns memory decoding on."""
        device = f"/sys/bus/pci/devices/{bdf}"
        text = self.bench.dom0(f"echo 1 > {device}/enable; cat {device}/resource").out
        return int(text.splitlines()[bar].split()[0], 0) >> 12

    def msix(self, bdf):
        """Frames of a device's MSI-X table and PBA."""
        config = base64.b64decode(self.bench.dom0(f"base64 /sys/bus/pci/devices/{bdf}/config").check().out)
        at = config[0x34]
        while at and config[at] != 0x11:
            at = config[at + 1]
        words = [int.from_bytes(config[at + o:at + o + 4], "little") for o in (4, 8)]
        return [self.bar(bdf, w & 7) + ((w & ~7) >> 12) for w in words]

    def endpoint(self, kind):
        """The domain of that kind; a new one if the last one met its end in an earlier case."""
        if kind == "dom0":
            return self.dom0
        if kind in self._skips:
            raise Skip(self._skips[kind])
        if kind in self.guests and self.guests[kind].guest.ended():
            self.bench.forget(self.guests.pop(kind).guest.name)
        if kind not in self.guests:
            settings = dict(KINDS[kind])
            base = settings["type"]
            if kind.startswith("static"):
                settings["extra"] = f'iomem=["{self.shm + 32:x},8"]'
            try:
                guest = self.bench.start_guest(f"hv-{kind}", memory=128, timeout=60 if kind in FRAIL else 180, **settings)
            except BenchError as error:
                if kind not in FRAIL:
                    raise
                self.bench.forget(f"hv-{kind}")
                reason = [line for line in str(error).splitlines() if line][-1]
                self._skips[kind] = f"no such guest here: {reason}"
                raise Skip(self._skips[kind]) from None
            self.guests[kind] = Endpoint(guest.run, guest.domid, base)
            self.guests[kind].guest = guest
        return self.guests[kind]

    def release(self, kind):
        """Destroy the guest of a kind; the next case that wants one gets a new one."""
        endpoint = self.guests.pop(kind, None)
        if endpoint:
            endpoint.guest.destroy()

    def grant(self, to, frame, flags=GTF.permit_access):
        return self.dom0.one(f"grant {to.domid} {frame} {flags}")["ref"]

    def end(self, ref):
        """Let dom0 end a grant once; 1 if that went well, 0 if the entry is in use."""
        return self.dom0.one(f"end_raw {ref}").get("ended")

    def wbinvd(self):
        """Executions of WBINVD since power-on, by any CPU."""
        return int.from_bytes(self.counts.read_bytes()[:8], "little")

    def free_pages(self):
        """Pages that Xen's allocator has left."""
        return int(re.search(r"free=(\d+)", self.bench.dom0("toolstack free").check().out)[1])

    # The last thing that each debug key prints.
    last_words = dict(g="gnttab_usage_print_all ] done", q="Notifying guest 0:0")

    def debug_key(self, key):
        """What Xen prints for one of its debug keys."""
        start = len(self.bench.console())
        self.bench.dom0(f"xl debug-keys {key}").check()
        for _ in range(200):
            text = "\n".join(self.bench.console()[start:])
            if self.last_words[key] in text:
                return text
            self.bench.dom0("sleep 0.1")
        raise BenchError(f"debug key {key} has no end")

    def active_grants(self, domid=0):
        """Entries of a domain's grant table that are mapped, as debug key g prints them."""
        text = self.debug_key("g")
        part = re.search(rf"grant-table for remote d{domid}\b(.*?)(?:grant-table for|gnttab_usage_print_all \] done)",
                         text, re.S)
        return sorted(re.findall(r"\[(0x[0-9a-f]+)\]", part[1])) if part else []

    def ram_mfns(self):
        """Last page of the highest RAM range, and a page of ACPI tables, from Xen's own map."""
        found = re.findall(r"\[([0-9a-f]{16}), ([0-9a-f]{16})\] \(([^)]*)\)", "\n".join(self.bench.console()))
        ram = [int(e, 16) >> 12 for _, e, kind in found if "usable" in kind]
        acpi = [int(s, 16) >> 12 for s, _, kind in found if "ACPI" in kind]
        return max(ram, default=None), (acpi or [None])[0]


def mapped(machine, guest, frame):
    """Grant a frame of dom0 and map it as I/O memory: (reference, answer of the map)."""
    ref = machine.grant(guest, frame)
    answer = guest.map(ref)
    if answer["status"]:
        raise AssertionError(f"map of {frame:#x}: {answer}")
    return ref, answer


def ended(machine, ref, check):
    check("dom0 ends the grant", 1, machine.end(ref))


def drop(machine, guest, ref, handle, check):
    check("the mapping is dropped", GNTST.okay, guest.unmap(handle))
    ended(machine, ref, check)


def denied(machine, guest, frame, check):
    check("the toolstack denies the frame", 0, machine.bench.dom0(f"toolstack deny {guest.domid} {frame} 1").rc)


def permitted(machine, guest, frame, check):
    check("the toolstack permits the frame", 0, machine.bench.dom0(f"toolstack allow {guest.domid} {frame} 1").rc)
