# SPDX-License-Identifier: GPL-2.0-or-later
"""A mapped grant: other uses of it, changes to its entry and to the physmap, its end, and the debug key that shows it."""

import errno
import re

from abi import GNTMAP, GNTST, GTF
from lab import EDU_ID, Skip, case, drop, ended, mapped

# hvt gives this to Xen as the status of an operation, which a refused hypercall leaves.
UNTOUCHED = 99


@case("pv", "pvh", "dom0", numbers="T20 T21 T22")
def a_frame_is_mapped_as_io_memory_or_as_ram_never_as_both(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    page = guest.one("page")["gfn"]
    check("a copy from it is refused", GNTST.general_error, guest.copy_from(ref, page))
    check("a copy to it is refused", GNTST.general_error, guest.copy_to(ref, page))
    va = guest.place(0x20000)
    for what, flags in (("a host_map", GNTMAP.host_map), ("a device_map", GNTMAP.device_map),
                        ("a readonly host_map", GNTMAP.host_map | GNTMAP.readonly)):
        check(f"{what} of it is refused", GNTST.general_error, guest.map(ref, flags, va)["status"])
    drop(machine, guest, ref, answer["handle"], check)
    ref = machine.grant(guest, machine.dom0.one("page")["gfn"])
    ram = guest.map(ref, GNTMAP.host_map, va)
    check("a page of RAM is mapped", GNTST.okay, ram["status"])
    check("RAM that is mapped is refused as I/O memory", GNTST.general_error, guest.map(ref)["status"])
    check("the page of RAM is unmapped", GNTST.okay, guest.unmap(ram["handle"], va))
    ended(machine, ref, check)


@case("pv", "pvh", "dom0", numbers="T23")
def one_reference_is_mapped_at_most_128_times(machine, guest, check):
    ref = machine.grant(guest, machine.edu)
    answer = guest.one(f"map_many 0 {ref} {GNTMAP.iomem_map} {guest.addr} 200")
    check("the map past the limit is refused", GNTST.general_error, answer["status"])
    check("between 100 and 130 maps succeed", True, 100 <= answer["mapped"] <= 130)
    check("every map is dropped", answer["mapped"], answer["unmapped"])
    ended(machine, ref, check)


@case("pv", "pvh", "dom0", numbers="T24 T25")
def a_mapped_entry_is_not_changed_swapped_flushed_or_transferred(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    spare = machine.grant(guest, machine.edu + 1)
    check("dom0's table cannot change its version", -errno.EBUSY, machine.dom0.one("version 2")["rc"])
    check("the reference is not swapped", GNTST.eagain, machine.dom0.one(f"swap {ref} {spare}")["status"])
    check("the page is not flushed from caches", True, guest.one(f"cache_flush {machine.edu << 12} 1")["rc"] < 0)
    check("the page is not transferred", True, guest.one(f"transfer {machine.edu} 0 {spare}")["status"] != 0)
    drop(machine, guest, ref, answer["handle"], check)
    machine.end(spare)


@case("pv", "pvh", "dom0", numbers="T26 T27 T28")
def an_unmap_must_name_the_right_handle_and_addresses(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    handle = answer["handle"]
    check("a wrong dev_bus_addr is refused", GNTST.bad_dev_addr, guest.unmap(handle, 0, (machine.edu + 1) << 12))
    check("a wrong host_addr is refused", GNTST.bad_virt_addr, guest.unmap(handle, (guest.addr or 0x1000) + 0x1000))
    answer = guest.one(f"replace {handle} 0 0x2000")
    # Domains with a physmap may not use that operation at all.
    check("unmap_and_replace is refused",
          (-errno.ENOSYS, UNTOUCHED) if guest.kind == "pvh" else (0, GNTST.general_error),
          (answer["rc"], answer["status"]))
    check("dom0 cannot end the grant: it is still mapped", 0, machine.end(ref))
    spare = machine.grant(guest, machine.edu)
    drop(machine, guest, ref, handle, check)
    machine.end(spare)
    check("a second unmap is refused", GNTST.bad_handle, guest.unmap(handle))
    for handle in (0x123456, 0xffffffff):
        check(f"handle {handle:#x} is refused", GNTST.bad_handle, guest.unmap(handle))


@case("pv", "pvh", numbers="T29")
def access_ends_with_the_last_of_two_grants_of_a_page(machine, guest, check):
    first, first_answer = mapped(machine, guest, machine.edu)
    second = machine.grant(guest, machine.edu)
    second_answer = guest.map(second, addr=guest.beside())
    rc, va = guest.open(machine.edu, guest.beside())
    check("the first mapping is dropped", GNTST.okay, guest.unmap(first_answer["handle"]))
    check("the device is still read", EDU_ID, guest.peek(va))
    check("dom0 ends the first grant", 1, machine.end(first))
    guest.close(va)
    drop(machine, guest, second, second_answer["handle"], check)
    if guest.kind == "pv":
        check("a new entry is refused", True, guest.open(machine.edu)[0] < 0)


@case("pv", "pvh", "dom0", numbers="T29")
def an_entry_that_was_changed_while_mapped_is_not_mapped_again(machine, guest, check):
    """A grantor ends a mapped grant by clearing the type first: nothing maps the entry again, nor beside."""
    for version in (1, 2):
        if machine.dom0.one(f"version {version}")["rc"]:
            raise Skip("dom0's table does not change to version 2 here")
        try:
            change_while_mapped(machine, guest, version, check)
        finally:
            check("dom0's table is of version 1 again", 0, machine.dom0.one("version 1")["rc"])


def change_while_mapped(machine, guest, version, check):
    frame, dom0, beside = machine.edu, machine.dom0, guest.beside()
    ref, answer = mapped(machine, guest, frame)
    in_use = GTF.reading | GTF.writing
    # A version 1 entry has its flags and these bits in one word.
    used = in_use if version == 1 else 0
    permit = GTF.permit_access
    for what, flags, dom in (("no type", 0, guest.domid), ("another type", GTF.accept_transfer, guest.domid),
                             ("read-only", permit | GTF.readonly, guest.domid),
                             ("sub-page", permit | GTF.sub_page, guest.domid), ("another domain", permit, 77)):
        dom0.one(f"set_entry {ref} {flags | used} {dom} {frame}")
        check(f"a version {version} entry with {what} is refused", GNTST.general_error,
              guest.map(ref, addr=beside)["status"])
        check(f"the entry with {what} stays in use", int(in_use), dom0.one(f"entry {ref}")["status"])
    dom0.one(f"set_entry {ref} {permit | used} {guest.domid} {frame}")
    again = guest.map(ref, addr=beside)
    check("the entry as it was is mapped beside", GNTST.okay, again["status"])
    dom0.one(f"flags {ref} 0 3")
    check("one mapping is dropped", GNTST.okay, guest.unmap(again["handle"]))
    check("a cleared entry that is mapped is refused", GNTST.general_error, guest.map(ref, addr=beside)["status"])
    check("the other mapping is dropped", GNTST.okay, guest.unmap(answer["handle"]))
    check("a cleared entry that is not mapped is refused", GNTST.general_error, guest.map(ref)["status"])
    ended(machine, ref, check)


@case("pvh", numbers="T44")
def a_guest_cannot_keep_a_page_by_changes_to_its_physmap(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    gfn, page = guest.addr >> 12, guest.one("page")["pfn"]
    for what, op, arg, at in (("remove the page", 0, 0, gfn), ("move the page elsewhere", 2, gfn, gfn + 9),
                              ("lay its own RAM over the page", 2, page, gfn),
                              ("lay the shared info over the page", 3, 0, gfn),
                              ("lay the grant table over the page", 4, 0, gfn)):
        check(f"the guest cannot {what}", True, guest.one(f"physmap {op} {arg} {at}")["rc"] < 0)
    check("a balloon takes no such page", 0, guest.one(f"physmap 1 0 {gfn}")["rc"])
    rc, va = guest.open(machine.edu)
    check("the page is still the device", EDU_ID, guest.peek(va))
    guest.close(va)
    rc, va = guest.open(machine.edu, (gfn + 9) << 12)
    check("the device is not visible elsewhere", True, guest.peek(va) != EDU_ID)
    guest.close(va)
    check("the guest is alive", "pvh", guest.one("info")["type"])
    drop(machine, guest, ref, answer["handle"], check)
    rc, va = guest.open(machine.edu)
    check("the device is gone after the unmap", True, guest.peek(va) != EDU_ID)
    guest.close(va)


def shown(machine, guest, ranges):
    """The text in which debug key g shows the domain's ranges, of which there are `ranges`; None if it does not."""
    text = machine.debug_key("g")
    found = re.search(rf"I/O memory granted to d{guest.domid}:(.*?){ranges} range\(s\) in total", text, re.S)
    return found and found[1]


@case("pv", "pvh", numbers="T45")
def debug_key_g_shows_maps_and_entries_of_a_granted_range(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    rc, va = guest.open(machine.edu)
    for entries in (1, 0):
        text = shown(machine, guest, 1)
        counted = entries if guest.kind == "pv" else 0
        check("range, maps and entries are shown", [f"{machine.edu:x}-{machine.edu:x}  maps 1  L1 entries {counted}"],
              re.findall(r"[0-9a-f]+-[0-9a-f]+  maps .*", text) if text else None)
        if entries:
            guest.close(va)
    drop(machine, guest, ref, answer["handle"], check)


@case("pv", numbers="T45")
def debug_key_g_shows_every_one_of_40_ranges(machine, guest, check):
    frames = range(machine.shm + 64, machine.shm + 64 + 80, 2)
    refs = [machine.grant(guest, frame) for frame in frames]
    answers = guest.hvt(*[f"map 0 {ref} {GNTMAP.iomem_map} 0" for ref in refs])
    text = shown(machine, guest, 40)
    check("all ranges are shown", [f"{frame:x}-{frame:x}" for frame in frames],
          re.findall(r"  ([0-9a-f]+-[0-9a-f]+)  maps 1  L1 entries 0", text) if text else None)
    unmapped = guest.hvt(*[f"unmap {answer['handle']} 0 0" for answer in answers])
    check("every mapping is dropped", [GNTST.okay] * 40, [answer["status"] for answer in unmapped])
    check("dom0 ends every grant", [1] * 40, [machine.end(ref) for ref in refs])
