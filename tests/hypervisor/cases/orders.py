# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranges larger than a page: refused as the interface says until they are implemented.

A hypervisor that takes order 1 is one that has them; then the cases ask for the whole behaviour.
"""

from lab import GENERAL, IOMEM, OKAY, PAGE, PERM, VIRT, case, drop


def ordered(m, g, frame, order, addr=None, op_order=None):
    """Grant a range and map it: (reference, answer)."""
    ref = m.grant(g, frame, 1 | order << 9)
    return ref, g.map(ref, IOMEM | (order if op_order is None else op_order) << 16, addr)


def refused(m, g, check, what, expected, frame, order, **how):
    """A map that must fail; as long as there are no orders, because of the order."""
    ref, answer = ordered(m, g, frame, order, **how)
    check(what, expected if m.orders else PAGE, answer["status"])
    check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T14(m, g, check):
    if not m.orders:
        refused(m, g, check, "16 pages, no orders yet", PAGE, m.shm, 4)
        return
    ref, a = ordered(m, g, m.shm, 4)
    check("16 pages", OKAY, a["status"])
    for page in range(16):
        rc, va = g.open(m.shm + page, g.addr + page * 4096 if g.addr else None)
        g.one(f"poke {va} {0x1000 + page}")
        check(f"page {page}", 0x1000 + page, int.from_bytes(m.bench.shm_read(page * 4096, 4), "little"))
        g.close(va)
    if g.kind == "pv" and g is not m.dom0:
        check("page 16 is not in the grant", True, g.open(m.shm + 16)[0] < 0)
    drop(m, g, ref, a["handle"], check)


@case("pv", "pvh", "dom0")
def T15_T18(m, g, check):
    for order in (19, 24, 31) if m.orders else (1, 4, 9, 18, 19, 31):
        refused(m, g, check, f"order {order}", PAGE, m.edu, order)
    for entry, op in ((4, 0), (0, 4), (4, 3), (3, 4)):
        refused(m, g, check, f"entry says {entry}, mapper {op}", PAGE, m.edu, entry, op_order=op)
    refused(m, g, check, "misaligned frame", PAGE, m.edu + 1, 4)
    ref = m.grant(g, m.edu, 1 | 4 << 9)
    check("plain host_map of it", PAGE, g.map(ref, 2, g.addr or g.one("window")["va"])["status"])
    page = g.one("page")["gfn"]
    check("copy from it", PAGE, g.one(f"copy 1 0 {ref} 0 0x7ff0 {page} 0 64")["status"])
    check("end", 1, m.end(ref))


@case("pv", "pvh", "dom0")
def T16(m, g, check):
    """Ranges whose first page is fine and whose last is not."""
    top = m.ram_mfns()[0]
    for what, expected, frame, order in (("from RAM on", PAGE, (top - 1) & ~15, 4), ("across low memory", PAGE, 0, 8),
                                         ("across the IO-APIC", PERM, 0xfec00, 4), ("across the LAPIC", PERM, 0xfee00, 4),
                                         ("past the end of v1", PAGE, 0xffff0000, 16)):
        refused(m, g, check, what, expected, frame, order)


@case("pvh")
def T17(m, g, check):
    """Superpages need addresses that agree; other places are refused."""
    refused(m, g, check, "order 9 off by a page", VIRT, m.shm, 9, addr=g.addr + 4096)
    if not m.orders:
        return
    ref, a = ordered(m, g, m.shm, 9)
    check("order 9 congruent", OKAY, a["status"])
    rc, va = g.open(m.shm + 511, g.addr + 511 * 4096)
    g.one(f"poke {va} 0x5eed")
    check("last page", 0x5eed, int.from_bytes(m.bench.shm_read(511 * 4096, 4), "little"))
    g.close(va)
    drop(m, g, ref, a["handle"], check)


@case("static")
def T35(m, g, check):
    """The guest may use the first 8 of these 16 pages by its configuration."""
    refused(m, g, check, "range permitted in part", GENERAL, m.shm + 32, 4)
