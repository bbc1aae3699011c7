# SPDX-License-Identifier: GPL-2.0-or-later
"""What a map operation accepts and refuses."""

import re

from lab import DOMAIN, GENERAL, GNTREF, IOMEM, OKAY, PAGE, PERM, VIRT, Skip, case, drop, mapped


@case("pv", "pvh", hypervisor="stock")
def T01(m, g, check):
    ref = m.grant(g, m.edu)
    check("flag alone", GNTREF, g.map(ref)["status"])
    check("probe", GNTREF, g.map(0, dom=0x7ff4)["status"])
    check("host_map of MMIO", PAGE, g.map(ref, 2, g.addr or g.one("window")["va"])["status"])
    check("end", 1, m.end(ref))


@case("static", hypervisor="stock")
def T01_denial(m, g, check):
    """Without the feature, be it switched off or not there, a denial leaves nothing behind."""
    check("toolstack denies", 0, m.bench.dom0(f"toolstack deny {g.domid} {m.shm + 39} 1").rc)
    text = m.debug_key("q")
    check("the guest is shown", True, f"General information for domain {g.domid}:" in text)
    check("denied ranges", [], re.findall("I/O Memory once permitted.*", text))


@case("static", hypervisor="stock")
def BEFORE(m, g, check):
    """What plain removal of a permission leaves open: the reason for counting entries."""
    frame = m.shm + 32
    rc, va = g.open(frame)
    check("entry under static permission", 0, rc)
    check("toolstack denies", 0, m.bench.dom0(f"toolstack deny {g.domid} {frame} 1").rc)
    check("new entry refused", True, g.open(frame)[0] < 0)
    m.bench.shm_write(32 * 4096, b"\0\0\0\0")
    g.one(f"poke {va} 0xdeadbeef")
    check("old entry still writes the device", "efbeadde", m.bench.shm_read(32 * 4096, 4).hex())
    g.close(va)


@case("pv", hypervisor="stock")
def BEFORE_caches(m, g, check):
    """What using the toolstack's permissions would cost everybody: caches flushed at a guest's will."""
    before = m.wbinvd()
    check("first permission of a domain", 0, m.bench.dom0(f"toolstack allow {g.domid} {m.shm} 1").rc)
    check("flushes caches", True, m.wbinvd() > before)
    check("denied again", 0, m.bench.dom0(f"toolstack deny {g.domid} {m.shm} 1").rc)


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
    # With device_map or host_map it is no map of I/O memory, and the frame no RAM.
    ordinary = {0: GENERAL if g.kind == "pvh" else PAGE, 1: PAGE}
    for b, a in zip(bits, seen):
        check(f"iomem with bit {b}", ordinary.get(b, GENERAL), a["status"])
    check("end", 1, m.end(ref))


@case("pv", "pvh", hypervisor="both")
def T04_can_fail(m, g, check):
    """Xen 4.0 to 4.15 had the bit as GNTMAP_can_fail: with host_map or device_map it has to mean nothing."""
    ref = m.grant(g, m.dom0.one("page")["gfn"])
    place = g.addr + 0x20000 if g.addr else g.one("window")["va"]
    for what, flags in (("device_map", 1), ("host_map", 2), ("both", 3), ("host_map readonly", 6)):
        a = g.map(ref, IOMEM | flags, place)
        # HVM domains have to leave clear what they do not know.
        check(what, OKAY if g.kind == "pv" else GENERAL, a["status"])
        if a["status"] == OKAY:
            check(f"{what}: unmap", OKAY, g.unmap(a["handle"], place if flags & 2 else 0, a["bus"] if flags & 1 else 0))
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
    check("probe", DOMAIN, g.map(0, addr=0, dom=0x7ff4)["status"])


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
              ("LAPIC", 0xfee00, PERM), ("MSI window", 0xfeeff, PERM), ("IO-APIC", 0xfec00, PERM), ("HPET", 0xfed00, PERM),
              ("AMD-Vi registers", 0xfed80, PERM)]
    mmcfg = re.search(r"PCI: MCFG configuration 0: base ([0-9a-f]+)", "\n".join(m.bench.console()))
    if mmcfg:
        frames.append(("PCI configuration space", int(mmcfg[1], 16) >> 12, PERM))
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
