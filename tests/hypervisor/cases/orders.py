# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranges larger than a page: refused as the interface says until they are implemented.

A hypervisor that takes order 1 is one that has them; then the cases ask for the whole behaviour.
"""

from abi import GNTMAP, GNTST, GTF, entry_order, map_order
from lab import case, drop, ended


def ordered(machine, guest, frame, order, addr=None, op_order=None):
    """Grant a range and map it: (reference, answer)."""
    ref = machine.grant(guest, frame, GTF.permit_access | entry_order(order))
    return ref, guest.map(ref, GNTMAP.iomem_map | map_order(order if op_order is None else op_order), addr)


def refused(machine, guest, check, what, expected, frame, order, **how):
    """A map that must fail; as long as there are no orders, because of the order."""
    ref, answer = ordered(machine, guest, frame, order, **how)
    check(f"{what} is refused", expected if machine.orders else GNTST.bad_page, answer["status"])
    ended(machine, ref, check)


@case("pv", "pvh", "dom0", numbers="T14")
def all_pages_of_a_range_are_mapped_if_the_hypervisor_has_orders(machine, guest, check):
    if not machine.orders:
        refused(machine, guest, check, "a range of 16 pages", GNTST.bad_page, machine.shm, 4)
        return
    ref, answer = ordered(machine, guest, machine.shm, 4)
    check("16 pages are mapped", GNTST.okay, answer["status"])
    for page in range(16):
        rc, va = guest.open(machine.shm + page, guest.addr + page * 4096 if guest.addr else None)
        guest.one(f"poke {va} {0x1000 + page}")
        check(f"page {page} reaches the device", 0x1000 + page,
              int.from_bytes(machine.bench.shm_read(page * 4096, 4), "little"))
        guest.close(va)
    if guest.kind == "pv" and guest is not machine.dom0:
        check("page 16 is not in the grant", True, guest.open(machine.shm + 16)[0] < 0)
    drop(machine, guest, ref, answer["handle"], check)


@case("pv", "pvh", "dom0", numbers="T15 T18")
def orders_that_are_too_large_or_disagree_are_refused(machine, guest, check):
    for order in (19, 24, 31) if machine.orders else (1, 4, 9, 18, 19, 31):
        refused(machine, guest, check, f"order {order}", GNTST.bad_page, machine.edu, order)
    for entry, op in ((4, 0), (0, 4), (4, 3), (3, 4)):
        refused(machine, guest, check, f"order {op} for an entry of order {entry}", GNTST.bad_page, machine.edu, entry,
                op_order=op)
    refused(machine, guest, check, "a misaligned frame", GNTST.bad_page, machine.edu + 1, 4)
    ref = machine.grant(guest, machine.edu, GTF.permit_access | entry_order(4))
    check("an ordinary map of a range is refused", GNTST.bad_page,
          guest.map(ref, GNTMAP.host_map, guest.place(0))["status"])
    check("a copy from a range is refused", GNTST.bad_page, guest.copy_from(ref, guest.one("page")["gfn"]))
    ended(machine, ref, check)


@case("pv", "pvh", "dom0", numbers="T16")
def a_range_is_refused_because_of_its_last_page(machine, guest, check):
    top = machine.ram_mfns()[0]
    for what, expected, frame, order in (
            ("a range that begins in RAM", GNTST.bad_page, (top - 1) & ~15, 4),
            ("a range across low memory", GNTST.bad_page, 0, 8),
            ("a range across the IO-APIC", GNTST.permission_denied, 0xfec00, 4),
            ("a range across the LAPIC", GNTST.permission_denied, 0xfee00, 4),
            ("a range past the last frame of version 1", GNTST.bad_page, 0xffff0000, 16)):
        refused(machine, guest, check, what, expected, frame, order)


@case("pvh", numbers="T17")
def a_superpage_needs_an_address_that_is_aligned_alike(machine, guest, check):
    refused(machine, guest, check, "order 9 off by a page", GNTST.bad_virt_addr, machine.shm, 9, addr=guest.addr + 4096)
    if not machine.orders:
        return
    ref, answer = ordered(machine, guest, machine.shm, 9)
    check("order 9 at a congruent address is mapped", GNTST.okay, answer["status"])
    rc, va = guest.open(machine.shm + 511, guest.addr + 511 * 4096)
    guest.one(f"poke {va} 0x5eed")
    check("the last page reaches the device", 0x5eed,
          int.from_bytes(machine.bench.shm_read(511 * 4096, 4), "little"))
    guest.close(va)
    drop(machine, guest, ref, answer["handle"], check)


@case("static", numbers="T35")
def a_range_that_is_permitted_in_part_is_refused(machine, guest, check):
    """The guest may use the first 8 of these 16 pages by its configuration."""
    refused(machine, guest, check, "a range permitted in part", GNTST.general_error, machine.shm + 32, 4)
