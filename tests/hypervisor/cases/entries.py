# SPDX-License-Identifier: GPL-2.0-or-later
"""Page-table entries of a granted page: how they are counted, what they may say, and permissions of the toolstack."""

import errno
import time

from abi import GNTST
from lab import case, denied, drop, ended, mapped, permitted

# Bits of a page-table entry on x86.
PTE_PWT, PTE_PCD, PTE_PAT = 0x08, 0x10, 0x80
PTE_UNCACHED = PTE_PWT | PTE_PCD
# Present, writable, accessed, dirty, not executable; write-back by the other bits.
PTE_DATA = 0x8000000000000063


@case("static", numbers="T30 T36")
def a_grant_over_a_page_with_static_permission_is_refused(machine, guest, check):
    frame = machine.shm + 36
    rc, va = guest.open(frame)
    check("an entry is made with static permission", 0, rc)
    ref = machine.grant(guest, frame)
    check("a grant over static permission is refused", GNTST.general_error, guest.map(ref)["status"])
    ended(machine, ref, check)
    check("static access remains", True, guest.peek(va) >= 0)
    guest.close(va)
    frame += 1
    rc, va = guest.open(frame)
    denied(machine, guest, frame, check)
    ref = machine.grant(guest, frame)
    check("a grant over a denied range is refused", GNTST.general_error, guest.map(ref)["status"])
    ended(machine, ref, check)
    guest.close(va)


@case("static-pvh", numbers="T30")
def a_guest_with_a_physmap_maps_what_it_has_static_permission_for(machine, guest, check):
    """The physmap's entry is the permission there: a static one does not matter."""
    ref, answer = mapped(machine, guest, machine.shm + 36)
    check("a page with static permission is mapped", GNTST.okay, answer["status"])
    drop(machine, guest, ref, answer["handle"], check)


@case("pv", numbers="T36")
def entries_are_counted_while_the_toolstack_permits_and_denies(machine, guest, check):
    frame = machine.shm + 45
    ref, answer = mapped(machine, guest, frame)
    permitted(machine, guest, frame, check)
    rc, va = guest.open(frame)
    check("an entry is made", 0, rc)
    denied(machine, guest, frame, check)
    check("the entry delays the unmap", GNTST.eagain, guest.unmap(answer["handle"]))
    check("dom0 cannot end the grant: the entry is alive", 0, machine.end(ref))
    permitted(machine, guest, frame, check)
    check("the permitted page is unmapped", GNTST.okay, guest.unmap(answer["handle"]))
    ended(machine, ref, check)
    check("static access remains", True, guest.peek(va) >= 0)
    guest.close(va)
    denied(machine, guest, frame, check)
    ref = machine.grant(guest, frame)
    check("a grant over a page that was permitted is refused", GNTST.general_error, guest.map(ref)["status"])
    ended(machine, ref, check)


def still(machine):
    """True if the shared memory device's first page does not change for 0.3 seconds."""
    before = machine.bench.shm_read(0, 4096)
    time.sleep(0.3)
    return before == machine.bench.shm_read(0, 4096)


@case("pv", numbers="T31 T32")
def an_entry_of_any_make_delays_the_unmap(machine, guest, check):
    frame = machine.shm
    ref, answer = mapped(machine, guest, frame)
    handle = answer["handle"]
    rc, va = guest.open(frame)
    check("a kernel entry delays the unmap", GNTST.eagain, guest.unmap(handle))
    check("dom0 cannot end the grant: a kernel entry is alive", 0, machine.end(ref))
    guest.close(va)
    user_entry(machine, guest, frame, handle, check)
    for how in ("filled before pinning", "mmu_update", "trapped write"):
        unhooked_entry(machine, guest, frame, ref, handle, how, check)
    table = guest.one("l1")["l1"]
    guest.one(f"l1_fill {table} 0 10 {frame}")
    guest.one(f"l1_fill {table} 10 1 {machine.shm + 200}")
    check("a table with one bad entry is not pinned", True, guest.one(f"l1_pin {table}")["rc"] < 0)
    rc, va = guest.open(frame)
    guest.close(va)
    check("the page is unmapped when every entry is dropped", GNTST.okay, guest.unmap(handle))
    ended(machine, ref, check)
    check("the old address faults", -errno.EFAULT, guest.peek(va))
    check("a new entry is refused", True, guest.open(frame)[0] < 0)
    check("a new entry of a process is refused", True, "mmap=" in guest.run(f"hvt touch {frame:#x}").out)
    check("the device is left alone", True, still(machine))


def user_entry(machine, guest, frame, handle, check):
    """A process of the guest writes the page until it is told to go."""
    job = guest.guest.start(f"rm -f /run/go; hvt hold {frame:#x} /run/go")
    job.wait_for_output("held")
    check("a process's entry delays the unmap", GNTST.eagain, guest.unmap(handle))
    check("the process writes the device", False, still(machine))
    guest.run("touch /run/go")
    job.wait()


def unhooked_entry(machine, guest, frame, ref, handle, how, check):
    """An entry in a pinned L1 table that no other table refers to."""
    l1 = guest.one("l1")
    table, value = l1["l1"], frame << 12 | PTE_DATA | PTE_UNCACHED
    if how == "filled before pinning":
        guest.one(f"l1_fill {table} 3 5 {frame}")
    check(f"a table is pinned ({how})", 0, guest.one(f"l1_pin {table}")["rc"])
    if how == "mmu_update":
        check("mmu_update sets an entry", 0, guest.one(f"mmu {l1['maddr'] + 24:#x} {value:#x}")["rc"])
    elif how == "trapped write":
        # Xen adjusts flags: only the frame and the present bit stay as written.
        now = guest.one(f"l1_write {table} 3 {value:#x}")["now"]
        check("a trapped write sets an entry", (frame, 1), (now >> 12 & 0xfffffffff, now & 1))
    check(f"an entry of a table that is not in use delays the unmap ({how})", GNTST.eagain, guest.unmap(handle))
    check(f"dom0 cannot end the grant: the table's entry is alive ({how})", 0, machine.end(ref))
    check(f"the table is unpinned ({how})", 0, guest.one(f"l1_unpin {table}")["rc"])


@case("pv", numbers="T33")
def entries_of_forked_processes_delay_the_unmap(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.shm)
    job = guest.guest.start(f"rm -f /run/go; hvt fork {machine.shm:#x} 3 /run/go")
    job.wait_for_output("held")
    check("the children's entries delay the unmap", GNTST.eagain, guest.unmap(answer["handle"]))
    guest.run("touch /run/go")
    check("the processes end", 0, job.wait())
    drop(machine, guest, ref, answer["handle"], check)


@case("pv", numbers="T34")
def an_entry_of_the_device_has_any_cacheability_but_write_back(machine, guest, check):
    ref, answer = mapped(machine, guest, machine.edu)
    va = guest.one("window")["va"]
    for what, bits in (("PCD", PTE_PCD), ("PWT|PCD", PTE_UNCACHED), ("PAT", PTE_PAT), ("PWT", PTE_PWT)):
        entry = f"{PTE_DATA | bits:#x}"
        check(f"an entry of MMIO has {what}", 0, guest.one(f"va {va} {machine.edu} {entry}")["rc"])
        if bits != PTE_PWT:
            ram, other = guest.one("page")["gfn"], guest.one("window")["va"]
            check(f"an entry of RAM with {what} is refused", -errno.EINVAL, guest.one(f"va {other} {ram} {entry}")["rc"])
    check("a write-back entry of MMIO is accepted", 0, guest.one(f"va {va} {machine.edu} {PTE_DATA:#x}")["rc"])
    check("Xen made it uncached", PTE_UNCACHED, guest.one(f"pte {va}")["pte"] & PTE_UNCACHED)
    guest.close(va)
    drop(machine, guest, ref, answer["handle"], check)
