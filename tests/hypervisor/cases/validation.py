# SPDX-License-Identifier: GPL-2.0-or-later
"""The arguments that a map operation accepts and refuses."""

import re

from abi import DOMID_INVALID, DOMID_IO, DOMID_SELF, DOMID_XEN, GNTMAP, GNTST, GTF
from lab import EDU_ID, Skip, case, denied, drop, ended, mapped, permitted


@case("pv", "pvh", numbers="T01", hypervisor="stock")
def a_hypervisor_without_the_feature_refuses_the_flag(machine, guest, check):
    ref = machine.grant(guest, machine.edu)
    check("the flag alone is refused", GNTST.bad_gntref, guest.map(ref)["status"])
    check("a probe does not find the feature", GNTST.bad_gntref, guest.probe())
    check("an ordinary map of MMIO is refused", GNTST.bad_page,
          guest.map(ref, GNTMAP.host_map, guest.place(0))["status"])
    ended(machine, ref, check)


@case("static", numbers="T01", hypervisor="stock")
def a_hypervisor_without_the_feature_records_no_denial(machine, guest, check):
    """Without the feature, be it switched off or not there, a denial leaves nothing behind."""
    denied(machine, guest, machine.shm + 39, check)
    text = machine.debug_key("q")
    check("debug key q shows the guest", True, f"General information for domain {guest.domid}:" in text)
    check("debug key q shows no denied range", [], re.findall("I/O Memory once permitted.*", text))


@case("static", hypervisor="stock")
def an_entry_outlives_the_permission_it_was_made_with(machine, guest, check):
    """Plain removal of a permission leaves this open: the reason for counting entries."""
    frame = machine.shm + 32
    rc, va = guest.open(frame)
    check("an entry is made with static permission", 0, rc)
    denied(machine, guest, frame, check)
    check("a new entry is refused", True, guest.open(frame)[0] < 0)
    machine.bench.shm_write(32 * 4096, b"\0\0\0\0")
    guest.one(f"poke {va} 0xdeadbeef")
    check("the old entry still writes the device", "efbeadde", machine.bench.shm_read(32 * 4096, 4).hex())
    guest.close(va)


@case("pv", hypervisor="stock")
def the_first_permission_of_a_domain_flushes_all_caches(machine, guest, check):
    """With the toolstack's permissions in place of grants, caches would be flushed at a guest's will."""
    before = machine.wbinvd()
    permitted(machine, guest, machine.shm, check)
    check("the permission flushes caches", True, machine.wbinvd() > before)
    denied(machine, guest, machine.shm, check)


@case("pv", "pvh", "dom0", numbers="T02 T03")
def a_mapped_page_reaches_the_device_until_it_is_unmapped(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    check("the bus address is the frame's", 0 if guest.kind == "pvh" else machine.edu << 12, answer["bus"])
    rc, va = guest.open(machine.edu)
    check("an entry is made", 0, rc)
    check("the device identifies itself", EDU_ID, guest.peek(va))
    guest.one(f"poke {va + 4} 0x1234")
    check("the device inverts a value", 0xffffedcb, guest.peek(va + 4))
    check("dom0 cannot end a grant in use", 0, machine.end(ref))
    guest.close(va)
    drop(machine, guest, ref, answer["handle"], check)


@case("pv", "pvh", "dom0", numbers="T04")
def every_other_flag_beside_iomem_map_is_refused(machine, guest, check):
    ref = machine.grant(guest, machine.edu)
    bits = [0, 1, 2, 3, 4] + list(range(6, 16)) + list(range(21, 32))
    seen = guest.hvt(*[f"map 0 {ref} {GNTMAP.iomem_map | 1 << bit} {guest.addr}" for bit in bits])
    # With device_map or host_map it is no map of I/O memory, and the frame no RAM.
    ordinary = {GNTMAP.device_map: GNTST.general_error if guest.kind == "pvh" else GNTST.bad_page,
                GNTMAP.host_map: GNTST.bad_page}
    for bit, answer in zip(bits, seen):
        check(f"iomem_map with bit {bit} is refused", ordinary.get(1 << bit, GNTST.general_error), answer["status"])
    ended(machine, ref, check)


@case("pv", "pvh", numbers="T04", hypervisor="both")
def the_flag_means_nothing_beside_host_map_or_device_map(machine, guest, check):
    """Xen 4.0 to 4.15 had the bit as GNTMAP_can_fail: with host_map or device_map it has to mean nothing."""
    ref = machine.grant(guest, machine.dom0.one("page")["gfn"])
    place = guest.place(0x20000)
    for what, flags in (("device_map", GNTMAP.device_map), ("host_map", GNTMAP.host_map),
                        ("both", GNTMAP.host_map | GNTMAP.device_map),
                        ("a readonly host_map", GNTMAP.host_map | GNTMAP.readonly)):
        answer = guest.map(ref, GNTMAP.iomem_map | flags, place)
        # HVM domains have to leave clear the flags that they do not know.
        check(f"the flag with {what} is an ordinary map", GNTST.okay if guest.kind == "pv" else GNTST.general_error,
              answer["status"])
        if answer["status"] == GNTST.okay:
            check(f"the map with {what} is dropped", GNTST.okay,
                  guest.unmap(answer["handle"], place if flags & GNTMAP.host_map else 0,
                              answer["bus"] if flags & GNTMAP.device_map else 0))
    ended(machine, ref, check)


@case("pv", "dom0", numbers="T05")
def a_domain_without_physmap_cannot_name_an_address(machine, guest, check):
    ref = machine.grant(guest, machine.edu)
    for addr in (0x1000, 1, machine.edu << 12):
        check(f"host_addr {addr:#x} is refused", GNTST.bad_virt_addr, guest.map(ref, addr=addr)["status"])
    ended(machine, ref, check)


@case("pvh", numbers="T06")
def a_page_is_mapped_only_where_the_physmap_has_a_hole(machine, guest, check):
    ref, own_ref = machine.grant(guest, machine.edu), machine.grant(guest, machine.edu + 1)
    ram_ref = machine.grant(guest, machine.dom0.one("page")["gfn"])
    at = guest.addr + 0x10000
    ram = guest.map(ram_ref, GNTMAP.host_map, at)
    check("an ordinary grant is mapped", GNTST.okay, ram["status"])
    own = guest.map(own_ref)
    check("another page of the device is mapped", GNTST.okay, own["status"])
    bits = guest.one("info")["physbits"]
    for what, addr in (("a misaligned address", guest.addr + 0x5800),
                       ("the guest's own RAM", guest.one("page")["pfn"] << 12), ("the LAPIC's address", 0xfee00000),
                       ("the ordinary grant's address", at), ("the other page's address", guest.addr),
                       ("an address beyond the guest's width", 1 << bits), ("an address with bit 45", 1 << 45),
                       ("an address of all ones", 0xfffffffffffff000)):
        check(f"{what} is refused", GNTST.bad_virt_addr, guest.map(ref, addr=addr)["status"])
    check("the guest is alive", "pvh", guest.one("info")["type"])
    check("the ordinary grant is unmapped", GNTST.okay, guest.unmap(ram["handle"], at))
    check("the other page is unmapped", GNTST.okay, guest.unmap(own["handle"]))
    check("dom0 ends all three grants", [1, 1, 1], [machine.end(r) for r in (ref, own_ref, ram_ref)])


@case("pv", "pvh", "dom0", numbers="T07")
def unknown_references_and_domains_are_refused(machine, guest, check):
    for ref in (64 * 512, 0x7fffffff, 0xffffffff):
        check(f"reference {ref:#x} is refused", GNTST.bad_gntref, guest.map(ref)["status"])
    for dom in (DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_INVALID, 999):
        check(f"domain {dom:#x} is refused", GNTST.bad_domain, guest.map(8, dom=dom)["status"])
    check("a probe finds the feature", GNTST.bad_domain, guest.probe())


@case("pv", "pvh", "dom0", numbers="T08")
def an_entry_of_another_type_or_for_another_domain_is_refused(machine, guest, check):
    for what, flags in (("an invalid", GTF.invalid), ("an accept_transfer", GTF.accept_transfer),
                        ("a transitive", GTF.transitive), ("a readonly", GTF.permit_access | GTF.readonly)):
        ref = machine.grant(guest, machine.edu, flags)
        check(f"{what} entry is refused", GNTST.general_error, guest.map(ref)["status"])
        ended(machine, ref, check)
    ref = machine.dom0.one(f"grant 77 {machine.edu}")["ref"]
    check("an entry for another domain is refused", GNTST.general_error, guest.map(ref)["status"])
    ended(machine, ref, check)


@case("pv", "pvh", "dom0", numbers="T08 T19")
def a_version_2_table_grants_pages_but_no_parts_of_pages(machine, guest, check):
    if machine.dom0.one("version 2")["rc"]:
        raise Skip("dom0's table does not change to version 2 here")
    try:
        ref = machine.grant(guest, machine.edu, GTF.permit_access | GTF.sub_page)
        check("a sub_page entry is refused", GNTST.general_error, guest.map(ref)["status"])
        machine.end(ref)
        ref, answer = mapped(machine, guest, machine.edu)
        check("a page of a version 2 table is mapped", GNTST.okay, answer["status"])
        drop(machine, guest, ref, answer["handle"], check)
        ref = machine.grant(guest, 1 << 40)
        check("a frame beyond paddr_bits is refused", GNTST.bad_page, guest.map(ref)["status"])
        machine.end(ref)
    finally:
        check("dom0's table is of version 1 again", 0, machine.dom0.one("version 1")["rc"])


@case("pv", "pvh", numbers="T09")
def a_guest_cannot_grant_io_memory_it_may_use(machine, guest, check):
    other = machine.endpoint("static")
    ref = other.one(f"grant {guest.domid} {machine.shm + 32}")["ref"]
    check("a grant by a guest with static permission is refused", GNTST.permission_denied,
          guest.map(ref, dom=other.domid)["status"])
    check("the guest ends the grant", 1, other.one(f"end {ref}")["ended"])


def not_io_memory(machine, guest):
    """(description, frame) of pages that are RAM, firmware's, or nowhere."""
    top, acpi = machine.ram_mfns()
    frames = [("dom0's RAM", machine.dom0.one("page")["gfn"]), ("grant table", machine.dom0.one("table_frame")["mfn"]),
              ("frame 0", 0), ("conventional memory", 0x90), ("2^paddr_bits", 1 << 28), ("last frame of v1", 0xffffffff)]
    if guest.kind == "pv":
        frames.append(("mapper's RAM", guest.one("page")["gfn"]))
    if top:
        frames.append(("end of RAM", top - 1))
    if acpi:
        frames.append(("ACPI tables", acpi))
    return frames


def kept_by_xen(machine):
    """(description, frame) of registers that dom0 may not use either."""
    frames = [("LAPIC", 0xfee00), ("MSI window", 0xfeeff), ("IO-APIC", 0xfec00), ("HPET", 0xfed00),
              ("AMD-Vi registers", 0xfed80)]
    mmcfg = re.search(r"PCI: MCFG configuration 0: base ([0-9a-f]+)", "\n".join(machine.bench.console()))
    if mmcfg:
        frames.append(("PCI configuration space", int(mmcfg[1], 16) >> 12))
    return frames


@case("pv", "pvh", "dom0", numbers="T10 T11")
def ram_and_the_registers_that_xen_keeps_are_refused(machine, guest, check):
    for frames, expected in ((not_io_memory(machine, guest), GNTST.bad_page),
                             (kept_by_xen(machine), GNTST.permission_denied)):
        for what, frame in frames:
            ref = machine.grant(guest, frame)
            check(f"{what} {frame:#x} is refused", expected, guest.map(ref)["status"])
            ended(machine, ref, check)


@case("pv", "pvh", "dom0", numbers="T13")
def the_vga_hole_below_1_mib_can_be_granted(machine, guest, check):
    ref, answer = mapped(machine, guest, 0xa0)
    check("the VGA hole is mapped", GNTST.okay, answer["status"])
    drop(machine, guest, ref, answer["handle"], check)
