# SPDX-License-Identifier: GPL-2.0-or-later
"""A mapped grant: what else touches it, counting of page-table entries, ending it."""

import re
import time

from lab import DEV, EAGAIN, GENERAL, HANDLE, IOMEM, OKAY, VIRT, Skip, case, drop, mapped


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
    a = g.one(f"replace {h} 0 0x2000")
    # Domains with a physmap may not use that operation at all.
    check("unmap_and_replace", (-38, 99) if g.kind == "pvh" else (0, GENERAL), (a["rc"], a["status"]))
    check("still mapped", 0, m.end(ref))
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


@case("pv", "pvh", "dom0")
def T29_changed_while_mapped(m, g, check):
    """A grantor ends what is mapped by clearing the type first: nothing maps the entry again, nor beside."""
    frame = m.edu
    for version in (1, 2):
        if m.dom0.one(f"version {version}")["rc"]:
            raise Skip("dom0's table does not change to version 2 here")
        try:
            ref, a = mapped(m, g, frame)
            where, used = g.addr + 0x1000 if g.addr else 0, 24 if version == 1 else 0
            for what, flags, dom in (("no type", 0, g.domid), ("another type", 2, g.domid), ("read-only", 5, g.domid),
                                     ("sub-page", 0x101, g.domid), ("another domain", 1, 77)):
                m.dom0.one(f"set_entry {ref} {flags | used} {dom} {frame}")
                check(f"{what}, version {version}", GENERAL, g.map(ref, addr=where)["status"])
                check(f"{what}: still in use", 24, m.dom0.one(f"entry {ref}")["status"])
            m.dom0.one(f"set_entry {ref} {1 | used} {g.domid} {frame}")
            beside = g.map(ref, addr=where)
            check("as it was", OKAY, beside["status"])
            m.dom0.one(f"flags {ref} 0 3")
            check("unmap one", OKAY, g.unmap(beside["handle"]))
            check("map again", GENERAL, g.map(ref, addr=where)["status"])
            check("unmap the other", OKAY, g.unmap(a["handle"]))
            check("none left, map again", GENERAL, g.map(ref)["status"])
            check("end", 1, m.end(ref))
        finally:
            check("back to version 1", 0, m.dom0.one("version 1")["rc"])


@case("static")
def T30_T36(m, g, check):
    frame = m.shm + 36
    rc, va = g.open(frame)
    check("entry under static permission", 0, rc)
    ref = m.grant(g, frame)
    check("T30 grant over static permission", GENERAL, g.map(ref)["status"])
    check("T30 end", 1, m.end(ref))
    check("T30 static access remains", True, g.peek(va) >= 0)
    g.close(va)
    frame += 1
    rc, va = g.open(frame)
    check("toolstack denies", 0, m.bench.dom0(f"toolstack deny {g.domid} {frame} 1").rc)
    ref = m.grant(g, frame)
    check("T36 grant over denied range", GENERAL, g.map(ref)["status"])
    check("end", 1, m.end(ref))
    g.close(va)


@case("static-pvh")
def T30_translated(m, g, check):
    """Where the physmap entry is the permission a static one does not matter."""
    ref, a = mapped(m, g, m.shm + 36)
    check("permitted and mapped", OKAY, a["status"])
    drop(m, g, ref, a["handle"], check)


@case("pv")
def T36_permitted_while_mapped(m, g, check):
    """Permission and denial during the grant: entries go on being counted, and it ends."""
    frame = m.shm + 45
    ref, a = mapped(m, g, frame)
    check("toolstack permits", 0, m.bench.dom0(f"toolstack allow {g.domid} {frame} 1").rc)
    rc, va = g.open(frame)
    check("entry", 0, rc)
    check("toolstack denies", 0, m.bench.dom0(f"toolstack deny {g.domid} {frame} 1").rc)
    check("entry alive: unmap", EAGAIN, g.unmap(a["handle"]))
    check("entry alive: dom0 cannot end", 0, m.end(ref))
    check("toolstack permits again", 0, m.bench.dom0(f"toolstack allow {g.domid} {frame} 1").rc)
    check("permitted: unmap", OKAY, g.unmap(a["handle"]))
    check("permitted: dom0 ends", 1, m.end(ref))
    check("static access remains", True, g.peek(va) >= 0)
    g.close(va)
    check("toolstack denies again", 0, m.bench.dom0(f"toolstack deny {g.domid} {frame} 1").rc)
    ref = m.grant(g, frame)
    check("grant over what was permitted", GENERAL, g.map(ref)["status"])
    check("end", 1, m.end(ref))


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
            now = g.one(f"l1_write {i} 3 {value:#x}")["now"]     # Xen adjusts flags
            check("set", (frame, 1), (now >> 12 & 0xfffffffff, now & 1))
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


@case("pv", "pvh")
def DUMP(m, g, check):
    """What the administrator can see of a mapped grant: debug key g."""
    ref, a = mapped(m, g, m.edu)
    rc, va = g.open(m.edu)
    for entries in (1, 0):
        start = len(m.bench.console())
        m.active_grants()
        text = "\n".join(m.bench.console()[start:])
        part = re.search(rf"I/O memory granted to d{g.domid}:(.*?)range\(s\) in total", text, re.S)
        check("range, maps and entries are shown", [f"{m.edu:x}-{m.edu:x}  maps 1  L1 entries {entries if g.kind == 'pv' else 0}"],
              re.findall(r"[0-9a-f]+-[0-9a-f]+  maps .*", part[1]) if part else None)
        if entries:
            g.close(va)
    drop(m, g, ref, a["handle"], check)


@case("pv")
def DUMP_many(m, g, check):
    frames = range(m.shm + 64, m.shm + 64 + 80, 2)
    refs = [m.grant(g, frame) for frame in frames]
    handles = [a["handle"] for a in g.hvt(*[f"map 0 {ref} {IOMEM} 0" for ref in refs])]
    text = m.debug_key("g")
    part = re.search(rf"I/O memory granted to d{g.domid}:(.*?)40 range\(s\) in total", text, re.S)
    check("all ranges are shown", [f"{frame:x}-{frame:x}" for frame in frames],
          re.findall(r"  ([0-9a-f]+-[0-9a-f]+)  maps 1  L1 entries 0", part[1]) if part else None)
    check("unmap", [OKAY] * 40, [a["status"] for a in g.hvt(*[f"unmap {h} 0 0" for h in handles])])
    check("end", [1] * 40, [m.end(ref) for ref in refs])


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


@case("pvh")
def PHYSMAP(m, g, check):
    """What the guest does to its own physmap cannot make the page outlive the grant."""
    ref, a = mapped(m, g, m.edu)
    gfn, page = g.addr >> 12, g.one("page")["pfn"]
    for what, op, arg, at in (("remove it", 0, 0, gfn), ("move it elsewhere", 2, gfn, gfn + 9),
                              ("own page over it", 2, page, gfn), ("shared info over it", 3, 0, gfn),
                              ("grant table over it", 4, 0, gfn)):
        check(what, True, g.one(f"physmap {op} {arg} {at}")["rc"] < 0)
    check("give it back: none taken", 0, g.one(f"physmap 1 0 {gfn}")["rc"])
    rc, va = g.open(m.edu)
    check("still the device", 0x010000ed, g.peek(va))
    g.close(va)
    rc, va = g.open(m.edu, (gfn + 9) << 12)
    check("not visible elsewhere", True, g.peek(va) != 0x010000ed)
    g.close(va)
    check("guest alive", "pvh", g.one("info")["type"])
    drop(m, g, ref, a["handle"], check)
    rc, va = g.open(m.edu)
    check("gone", True, g.peek(va) != 0x010000ed)
    g.close(va)
