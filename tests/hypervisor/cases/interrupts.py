# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the device by which interrupts are made."""

from abi import GNTMAP, GNTST
from lab import case, drop, ended, mapped
from cases.orders import refused


@case("pv", "pvh", "dom0", numbers="T12")
def the_msix_table_is_refused_and_the_registers_beside_it_are_not(machine, guest, check):
    """MSI-X table and PBA, once Xen knows them to be in use."""
    table, pba = machine.msix(machine.nvme)
    registers = machine.bar(machine.nvme, 0)
    check("dom0 announces the device", 0, machine.dom0.one(f"prepare_msix 0 0 {0x12 << 3}")["rc"])
    for what, frame in (("table", table), ("PBA", pba)):
        ref = machine.grant(guest, frame)
        check(f"the MSI-X {what} is refused", GNTST.permission_denied, guest.map(ref)["status"])
        ended(machine, ref, check)
    refused(machine, guest, check, "a range with the table inside", GNTST.permission_denied, registers, 2)
    ref, answer = mapped(machine, guest, registers)
    check("the registers beside it are mapped", GNTST.okay, answer["status"])
    drop(machine, guest, ref, answer["handle"], check)
    check("dom0 withdraws the device", 0, machine.dom0.one(f"prepare_msix 0 0 {0x12 << 3} 1")["rc"])
    if guest.kind == "pv":
        ref = machine.grant(guest, registers)
        check("an ordinary map of the registers is refused", GNTST.bad_page,
              guest.map(ref, GNTMAP.host_map, guest.one("window")["va"])["status"])
        check("a copy from the registers is refused", GNTST.bad_page, guest.copy_from(ref, guest.one("page")["gfn"]))
        ended(machine, ref, check)
