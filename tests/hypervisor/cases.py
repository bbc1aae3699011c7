# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases.  Each is a function (machine, endpoint, check); the decorator says which domains run it.

check(what, expected, seen) prints and records one line.  "stock" cases run on Debian's Xen only.
"""

import time

from lab import (DEV, DOMAIN, EAGAIN, GENERAL, GNTREF, HANDLE, IOMEM, OKAY, PAGE, PERM, VIRT, Skip)

CASES = []


def case(*kinds, hypervisor="patched"):
    def register(function):
        CASES.append((function, kinds, hypervisor))
        return function
    return register


def mapped(m, g, frame):
    ref = m.grant(g, frame)
    answer = g.map(ref)
    if answer["status"]:
        raise AssertionError(f"map of {frame:#x}: {answer}")
    return ref, answer


def drop(m, g, ref, handle, check):
    check("cleanup: unmap", OKAY, g.unmap(handle))
    check("cleanup: dom0 ends", 1, m.end(ref))


@case("pv", "pvh", hypervisor="stock")
def T01(m, g, check):
    ref = m.grant(g, m.edu)
    check("flag alone", GNTREF, g.map(ref)["status"])
    check("probe", GNTREF, g.map(0, dom=0x7ff4)["status"])
    check("host_map of MMIO", PAGE, g.map(ref, 2, g.addr or g.one("window")["va"])["status"])
    check("end", 1, m.end(ref))


@case("static", hypervisor="stock")
def BEFORE(m, g, check):
    """What plain removal of a permission leaves open: the reason for counting entries."""
    frame = m.shm + 32
    rc, va = g.open(frame)
    check("entry under static permission", 0, rc)
    check("toolstack denies", 0, m.bench.dom0(f"deny-iomem {g.domid} {frame} 1").rc)
    check("new entry refused", True, g.open(frame)[0] < 0)
    m.bench.shm_write(32 * 4096, b"\0\0\0\0")
    g.one(f"poke {va} 0xdeadbeef")
    check("old entry still writes the device", "efbeadde", m.bench.shm_read(32 * 4096, 4).hex())
    g.close(va)


@case("pv", "pvh", "dom0")
def T02_T03(m, g, check):
    ref, a = mapped(m, g, m.edu)
    check("dev_bus_addr", 0 if g.kind == "pvh" else m.edu << 12, a["bus"])
    rc, va = g.open(m.edu)
    check("entry made", 0, rc)
    check("identification", 0x010000ed, g.peek(va))
    g.one(f"poke {va + 4} 0x1234")
    check("liveness", 0xffffedcb, g.peek(va + 4))
    check("entry in use: dom0 cannot end", 0, m.end(ref))
    g.close(va)
    drop(m, g, ref, a["handle"], check)


@case("pv", "pvh", "dom0")
def T04(m, g, check):
    ref = m.grant(g, m.edu)
    bits = [0, 1, 2, 3, 4] + list(range(6, 16)) + list(range(21, 32))
    seen = g.hvt(*[f"map 0 {ref} {IOMEM | 1 << b} {g.addr}" for b in bits])
    for b, a in zip(bits, seen):
        check(f"iomem with bit {b}", GENERAL, a["status"])
    check("end", 1, m.end(ref))


@case("pv", "dom0")
def T05(m, g, check):
    ref = m.grant(g, m.edu)
    for addr in (0x1000, 1, m.edu << 12):
        check(f"host_addr {addr:#x}", VIRT, g.map(ref, addr=addr)["status"])
    check("end", 1, m.end(ref))


@case("pvh")
def T06(m, g, check):
    ref, ref2 = m.grant(g, m.edu), m.grant(g, m.edu + 1)
    ram = m.dom0.one("page")["gfn"]
    ramref = m.grant(g, ram)
    at = g.addr + 0x10000
    other = g.map(ramref, 2, at)
    check("ordinary grant mapped", OKAY, other["status"])
    own = g.map(ref2)
    check("own page mapped", OKAY, own["status"])
    bits = g.one("info")["physbits"]
    for what, addr in (("misaligned", g.addr + 0x5800), ("own RAM", g.one("page")["pfn"] << 12),
                       ("LAPIC", 0xfee00000), ("existing grant map", at), ("own iomem map", g.addr),
                       ("beyond width", 1 << bits), ("bit 45", 1 << 45), ("all ones", 0xfffffffffffff000)):
        check(what, VIRT, g.map(ref, addr=addr)["status"])
    check("guest alive", "pvh", g.one("info")["type"])
    check("unmap ordinary", OKAY, g.unmap(other["handle"], at))
    check("unmap own", OKAY, g.unmap(own["handle"]))
    check("all end", [1, 1, 1], [m.end(r) for r in (ref, ref2, ramref)])


@case("pv", "pvh", "dom0")
def T07(m, g, check):
    for ref in (64 * 512, 0x7fffffff, 0xffffffff):
        check(f"ref {ref:#x}", GNTREF, g.map(ref)["status"])
    for dom in (0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 999):
        check(f"dom {dom:#x}", DOMAIN, g.map(8, dom=dom)["status"])


@case("pv", "pvh", "dom0")
def T08(m, g, check):
    for what, flags in (("invalid", 0), ("accept_transfer", 2), ("transitive", 3), ("readonly", 5)):
        ref = m.grant(g, m.edu, flags)
        check(f"entry {what}", GENERAL, g.map(ref)["status"])
        check("end", 1, m.end(ref))
    ref = m.dom0.one(f"grant 77 {m.edu}")["ref"]
    check("entry for another domain", GENERAL, g.map(ref)["status"])
    check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T08_T19_version_2(m, g, check):
    if m.dom0.one("version 2")["rc"]:
        raise Skip("dom0's table does not change to version 2 here")
    try:
        ref = m.grant(g, m.edu, 1 | 1 << 8)
        check("sub_page entry", GENERAL, g.map(ref)["status"])
        m.end(ref)
        ref, a = mapped(m, g, m.edu)
        check("version 2 map", OKAY, a["status"])
        drop(m, g, ref, a["handle"], check)
        ref = m.grant(g, 1 << 40)
        check("frame beyond paddr_bits", PAGE, g.map(ref)["status"])
        m.end(ref)
    finally:
        check("back to version 1", 0, m.dom0.one("version 1")["rc"])


@case("pv", "pvh")
def T09(m, g, check):
    other = m.endpoint("static")
    ref = other.one(f"grant {g.domid} {m.shm + 32}")["ref"]
    check("granted by a guest with static permission", PERM, g.map(ref, dom=other.domid)["status"])
    check("end", 1, other.one(f"end {ref}")["ended"])


@case("pv", "pvh", "dom0")
def T10_T11(m, g, check):
    top, acpi = m.ram_mfns()
    frames = [("dom0's RAM", m.dom0.one("page")["gfn"], PAGE), ("grant table", m.dom0.one("table_frame")["mfn"], PAGE),
              ("MFN 0", 0, PAGE), ("MFN 0x90", 0x90, PAGE), ("2^paddr_bits", 1 << 28, PAGE), ("last of v1", 0xffffffff, PAGE),
              ("LAPIC", 0xfee00, PERM), ("IO-APIC", 0xfec00, PERM)]
    if g.kind == "pv":
        frames.append(("mapper's RAM", g.one("page")["gfn"], PAGE))
    if top:
        frames.append(("end of RAM", top - 1, PAGE))
    if acpi:
        frames.append(("ACPI tables", acpi, PAGE))
    for what, frame, expected in frames:
        ref = m.grant(g, frame)
        check(f"{what} {frame:#x}", expected, g.map(ref)["status"])
        check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T13(m, g, check):
    ref, a = mapped(m, g, 0xa0)
    check("VGA hole", OKAY, a["status"])
    drop(m, g, ref, a["handle"], check)


@case("pv", "pvh", "dom0")
def T15_T18(m, g, check):
    orders = g.map(0, IOMEM | 1 << 16, dom=0x7ff4)["status"] == DOMAIN
    for order in (19, 24, 31) if orders else (1, 4, 9, 18, 19, 31):
        ref = m.grant(g, m.edu, 1 | order << 9)
        check(f"order {order}", PAGE, g.map(ref, IOMEM | order << 16)["status"])
        m.end(ref)
    ref = m.grant(g, m.edu, 1 | 4 << 9)
    check("entry says 4, mapper 0", PAGE, g.map(ref)["status"])
    check("plain host_map of it", PAGE, g.map(ref, 2, g.addr or g.one("window")["va"])["status"])
    page = g.one("page")["gfn"]
    check("copy from it", PAGE, g.one(f"copy 1 0 {ref} 0 0x7ff0 {page} 0 64")["status"])
    check("end", 1, m.end(ref))
    if orders:
        raise Skip("orders arrived: T14, T16, T17 need to be written out")


@case("pv", "pvh", "dom0")
def T20_T21_T22(m, g, check):
    ref, a = mapped(m, g, m.edu)
    page = g.one("page")["gfn"]
    check("copy from", GENERAL, g.one(f"copy 1 0 {ref} 0 0x7ff0 {page} 0 64")["status"])
    check("copy to", GENERAL, g.one(f"copy 2 0x7ff0 {page} 0 0 {ref} 0 64")["status"])
    va = g.addr + 0x20000 if g.addr else g.one("window")["va"]
    for what, flags in (("host_map", 2), ("device_map", 1), ("host_map readonly", 6)):
        check(f"pinned: {what}", GENERAL, g.map(ref, flags, va)["status"])
    drop(m, g, ref, a["handle"], check)
    ref = m.grant(g, m.dom0.one("page")["gfn"])
    o = g.map(ref, 2, va)
    check("RAM mapped first", OKAY, o["status"])
    check("then iomem", GENERAL, g.map(ref)["status"])
    check("unmap RAM", OKAY, g.unmap(o["handle"], va))
    check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T23(m, g, check):
    ref = m.grant(g, m.edu)
    a = g.one(f"map_many 0 {ref} {IOMEM} {g.addr} 200")
    check("one past the limit", GENERAL, a["status"])
    check("between 100 and 130 maps", True, 100 <= a["mapped"] <= 130)
    check("all unmapped", a["mapped"], a["unmapped"])
    check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T24_T25(m, g, check):
    ref, a = mapped(m, g, m.edu)
    spare = m.grant(g, m.edu + 1)
    check("version change with a pin", -16, m.dom0.one("version 2")["rc"])
    check("swap", EAGAIN, m.dom0.one(f"swap {ref} {spare}")["status"])
    check("cache_flush fails", True, g.one(f"cache_flush {m.edu << 12} 1")["rc"] < 0)
    check("transfer fails", True, g.one(f"transfer {m.edu} 0 {spare}")["status"] != 0)
    drop(m, g, ref, a["handle"], check)
    m.end(spare)


@case("pv", "pvh", "dom0")
def T26_T27_T28(m, g, check):
    ref, a = mapped(m, g, m.edu)
    h = a["handle"]
    check("wrong dev_bus_addr", DEV, g.unmap(h, 0, (m.edu + 1) << 12))
    check("wrong host_addr", VIRT, g.unmap(h, (g.addr or 0x1000) + 0x1000))
    check("unmap_and_replace", GENERAL, g.one(f"replace {h} 0 0x2000")["status"])
    check("still mapped", 0, m.end(ref) if g.kind != "none" else 0)
    ref2 = m.grant(g, m.edu)
    drop(m, g, ref, h, check)
    m.end(ref2)
    check("second unmap", HANDLE, g.unmap(h))
    for handle in (0x123456, 0xffffffff):
        check(f"handle {handle:#x}", HANDLE, g.unmap(handle))


@case("pv", "pvh")
def T29(m, g, check):
    r1, a1 = mapped(m, g, m.edu)
    r2 = m.grant(g, m.edu)
    a2 = g.map(r2, addr=g.addr + 0x1000 if g.addr else 0)
    rc, va = g.open(m.edu, g.addr + 0x1000 if g.addr else None)
    check("first unmapped", OKAY, g.unmap(a1["handle"]))
    check("access still works", 0x010000ed, g.peek(va))
    check("first ends", 1, m.end(r1))
    g.close(va)
    drop(m, g, r2, a2["handle"], check)
    if g.kind == "pv":
        check("new entry refused", True, g.open(m.edu)[0] < 0)


@case("static")
def T30_T36(m, g, check):
    frame = m.shm + 36
    ref, a = mapped(m, g, frame)
    rc, va = g.open(frame)
    check("unmap does not wait", OKAY, g.unmap(a["handle"]))
    check("static access remains", True, g.peek(va) >= 0)
    check("end", 1, m.end(ref))
    g.close(va)
    frame += 1
    rc, va = g.open(frame)
    check("toolstack denies", 0, m.bench.dom0(f"deny-iomem {g.domid} {frame} 1").rc)
    ref = m.grant(g, frame)
    check("T36 grant over denied range", GENERAL, g.map(ref)["status"])
    check("end", 1, m.end(ref))
    g.close(va)
    frame += 1
    rc, stale = g.open(frame)
    ref, a = mapped(m, g, frame)
    rc, va = g.open(frame)
    m.bench.dom0(f"deny-iomem {g.domid} {frame} 1")
    g.close(stale)
    check("T36b deny while mapped, entry alive: unmap", EAGAIN, g.unmap(a["handle"]))
    g.close(va)
    g.unmap(a["handle"])
    m.end(ref)


def still(m):
    before = m.bench.shm_read(0, 4096)
    time.sleep(0.3)
    return before == m.bench.shm_read(0, 4096)


@case("pv")
def T31_T32(m, g, check):
    frame = m.shm
    ref, a = mapped(m, g, frame)
    h = a["handle"]
    rc, va = g.open(frame)
    check("kernel entry: unmap", EAGAIN, g.unmap(h))
    check("kernel entry: dom0 cannot end", 0, m.end(ref))
    g.close(va)
    job = g.guest.start(f"rm -f /run/go; hvt hold {frame:#x} /run/go")
    job.wait_for_output("held")
    check("user entry: unmap", EAGAIN, g.unmap(h))
    check("user entry writes the device", False, still(m))
    g.run("touch /run/go")
    job.wait()
    for how in ("filled before pinning", "mmu_update", "trapped write"):
        l1 = g.one("l1")
        i, value = l1["l1"], frame << 12 | 0x8000000000000000 | 0x7b
        if how == "filled before pinning":
            g.one(f"l1_fill {i} 3 5 {frame}")
        check(f"unhooked L1, {how}: pin", 0, g.one(f"l1_pin {i}")["rc"])
        if how == "mmu_update":
            check("set", 0, g.one(f"mmu {l1['maddr'] + 24:#x} {value:#x}")["rc"])
        elif how == "trapped write":
            check("set", value, g.one(f"l1_write {i} 3 {value:#x}")["now"] & 0xffffffffffffffff)
        check(f"unhooked L1, {how}: unmap", EAGAIN, g.unmap(h))
        check("dom0 cannot end", 0, m.end(ref))
        check("unpin", 0, g.one(f"l1_unpin {i}")["rc"])
    l1 = g.one("l1")["l1"]
    g.one(f"l1_fill {l1} 0 10 {frame}")
    g.one(f"l1_fill {l1} 10 1 {m.shm + 200}")
    check("pin with one bad entry", True, g.one(f"l1_pin {l1}")["rc"] < 0)
    rc, va = g.open(frame)
    g.close(va)
    check("everything dropped: unmap", OKAY, g.unmap(h))
    check("dom0 ends", 1, m.end(ref))
    check("old address faults", -14, g.peek(va))
    check("new entry refused", True, g.open(frame)[0] < 0)
    check("user mmap refused", True, "mmap=" in g.run(f"hvt touch {frame:#x}").out)
    check("device is left alone", True, still(m))


@case("pv")
def T33(m, g, check):
    ref, a = mapped(m, g, m.shm)
    job = g.guest.start(f"rm -f /run/go; hvt fork {m.shm:#x} 3 /run/go")
    job.wait_for_output("held")
    check("children hold it: unmap", EAGAIN, g.unmap(a["handle"]))
    g.run("touch /run/go")
    check("processes end", 0, job.wait())
    drop(m, g, ref, a["handle"], check)


@case("pv")
def T34(m, g, check):
    ref, a = mapped(m, g, m.edu)
    base = 0x8000000000000063
    va = g.one("window")["va"]
    for what, bits in (("PCD", 0x10), ("PWT|PCD", 0x18), ("PAT", 0x80), ("PWT", 8)):
        check(f"{what} on MMIO", 0, g.one(f"va {va} {m.edu} {base | bits:#x}")["rc"])
        if what != "PWT":
            ram = g.one("page")["gfn"]
            check(f"{what} on RAM", -22, g.one(f"va {g.one('window')['va']} {ram} {base | bits:#x}")["rc"])
    check("WB on MMIO", 0, g.one(f"va {va} {m.edu} {base:#x}")["rc"])
    check("became UC", 0x18, g.one(f"pte {va}")["pte"] & 0x18)
    g.close(va)
    drop(m, g, ref, a["handle"], check)


@case("pv")
def T38(m, g, check):
    ref = m.grant(g, m.shm)
    rc, va = m.dom0.open(m.shm)
    check("started", 0, g.one(f"stress 0 {ref} 0 {m.shm} 20071 12000 2")["rc"])
    time.sleep(5)
    end = m.dom0.one(f"end_witness {ref} 2000000 {va} 4", timeout=90)
    print("   dom0:", end)
    a = g.one("stress_result 1", timeout=60)
    print("   guest:", a)
    check("threads ended", 0, a["running"])
    check("violations", 0, a["violations"])
    check("work was done", True, a["maps"] > 100 and a["adds"] > 100 and a["writes"] > 10)
    if end.get("ended"):
        check("no word moved after the end", 0, end["moved"])
    else:
        check("end after the threads", 1, m.end(ref))
    m.dom0.close(va)


@case("pv")
def T39(m, g, check):
    ref = m.grant(g, m.edu)
    a = g.one(f"race_unmap 0 {ref} {IOMEM} 0 2000", timeout=200)
    check("exactly one wins", (2000, 0, 0, 2000), tuple(a.get(k) for k in ("one", "both", "none", "bad_handle")))
    check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T41(m, g, check):
    ref = m.grant(g, m.edu)
    torn = 100          # 128 maps of one entry at most
    a = g.one(f"map_torn 0 {ref} {IOMEM} {g.addr} 200 {torn}")
    check("map batch", -14, a["rc"])
    check("those before", (torn, torn), (a["okay"], a["unmapped"]))
    check("end", 1, m.end(ref))
    ref = m.grant(g, m.edu)
    a = g.one(f"unmap_torn 0 {ref} {IOMEM} {g.addr} {torn}")
    check("unmap batch", -14, a["rc"])
    check("those before", (torn, torn), (a["okay"], a["gone"]))
    check("end", 1, m.end(ref))


@case("pvh")
def PHYSMAP(m, g, check):
    """What the guest does to its own physmap cannot make the page outlive the grant."""
    ref, a = mapped(m, g, m.edu)
    gfn, page = g.addr >> 12, g.one("page")["pfn"]
    for what, op, arg, at in (("remove", 0, 0, gfn), ("give back", 1, 0, gfn), ("move it elsewhere", 2, gfn, gfn + 9)):
        g.one(f"physmap {op} {arg} {at}")
    rc, va = g.open(m.edu, (gfn + 9) << 12)
    check("not visible elsewhere", True, g.peek(va) != 0x010000ed)
    g.close(va)
    check("guest alive", "pvh", g.one("info")["type"])
    drop(m, g, ref, a["handle"], check)
    rc, va = g.open(m.edu)
    check("gone", True, g.peek(va) != 0x010000ed)
    g.close(va)


@case("pv", "pvh", hypervisor="both")
def R1_ordinary_grants(m, g, check):
    """Ordinary grants answer the same on stock and patched."""
    page = m.dom0.one("page")
    ref = m.grant(g, page["gfn"])
    m.dom0.one(f"poke {page['va']} 0x600dda7a")
    mine = g.one("page")
    check("copy in", 0, g.one(f"copy 1 0 {ref} 0 0x7ff0 {mine['gfn']} 0 64")["status"])
    check("data", 0x600dda7a, g.peek(mine["va"]))
    g.one(f"poke {mine['va']} 0x0ddba115")
    check("copy out", 0, g.one(f"copy 2 0x7ff0 {mine['gfn']} 0 0 {ref} 0 64")["status"])
    check("data", 0x0ddba115, m.dom0.peek(page["va"]))
    at = g.addr + 0x40000 if g.addr else g.one("window")["va"]
    a = g.map(ref, 2, at)
    check("map", 0, a["status"])
    check("dom0 cannot end", 0, m.end(ref))
    check("unmap", 0, g.unmap(a["handle"], at))
    check("unmap again", HANDLE, g.unmap(a["handle"], at))
    check("end", 1, m.end(ref))
    for what, flags in (("readonly entry, write map", 5), ("invalid", 0)):
        ref = m.grant(g, page["gfn"], flags)
        check(what, GENERAL, g.map(ref, 2, at)["status"])
        m.end(ref)
    job = g.guest.start("rm -f /run/stop; hvt share 0 /run/stop")
    shared = job.wait_for_output("ref=").split("ref=")[1].split()[0]
    check("gntalloc and gntdev", "wrong=0", m.bench.dom0(f"hvt attach {g.domid} {shared}").out.strip())
    g.run("touch /run/stop")
