# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages by which interrupts are made."""

from lab import OKAY, PAGE, PERM, case, drop, mapped
from cases.orders import refused


@case("pv", "pvh", "dom0")
def T12(m, g, check):
    """MSI-X table and PBA, once Xen knows them to be in use."""
    table, pba = m.msix(m.nvme)
    registers = m.bar(m.nvme, 0)
    check("dom0 announces the device", 0, m.dom0.one(f"prepare_msix 0 0 {0x12 << 3}")["rc"])
    for what, frame in (("table", table), ("PBA", pba)):
        ref = m.grant(g, frame)
        check(f"MSI-X {what}", PERM, g.map(ref)["status"])
        check("end", 1, m.end(ref))
    refused(m, g, check, "range with the table inside", PERM, registers, 2)
    ref, a = mapped(m, g, registers)
    check("the registers beside it", OKAY, a["status"])
    drop(m, g, ref, a["handle"], check)
    check("dom0 takes it back", 0, m.dom0.one(f"prepare_msix 0 0 {0x12 << 3} 1")["rc"])
    if g.kind == "pv":
        ref = m.grant(g, registers)
        check("ordinary map of the registers", PAGE, g.map(ref, 2, g.one("window")["va"])["status"])
        check("copy from the registers", PAGE,
              g.one(f"copy 1 0 {ref} 0 0x7ff0 {g.one('page')['gfn']} 0 64")["status"])
        check("end", 1, m.end(ref))
