# SPDX-License-Identifier: GPL-2.0-or-later
"""Resources that a guest can wear out, and configurations that are refused."""

from abi import GNTMAP, GNTST
from lab import Skip, case, ended


@case("pv", "pvh", numbers="T42")
def a_guest_that_maps_and_unmaps_flushes_no_cache(machine, guest, check):
    """The emulator counts the executions of WBINVD."""
    ref = machine.grant(guest, machine.edu)
    before = machine.wbinvd()
    answer = guest.one(f"loop {machine.loops} 0 {ref} {GNTMAP.iomem_map} {guest.addr}", timeout=300)
    print(f"   {machine.loops} pairs, {answer['ticks'] // machine.loops} ticks on average, {answer['worst']} at most")
    check(f"{machine.loops} pairs of map and unmap succeed", 0, answer["bad"])
    check("no CPU executes WBINVD meanwhile", 0, machine.wbinvd() - before)
    ended(machine, ref, check)
    before = machine.wbinvd()
    machine.dom0.one("wbinvd")
    check("the emulator counts a WBINVD of dom0", True, machine.wbinvd() > before)


def io_memory_is_refused(machine, guest, kind, check):
    """A guest of this configuration finds the feature, maps ordinary grants, and no I/O memory."""
    ref = machine.grant(guest, machine.edu)
    check("a probe finds the feature", GNTST.bad_domain, guest.probe())
    check("a map of I/O memory is refused", GNTST.general_error, guest.map(ref)["status"])
    check("an ordinary map still works", GNTST.okay, ordinary(machine, guest))
    ended(machine, ref, check)
    machine.release(kind)


@case("shadow", numbers="T43")
def a_guest_with_shadow_paging_is_refused(machine, guest, check):
    io_memory_is_refused(machine, guest, "shadow", check)


@case("nested", numbers="T43")
def a_guest_with_nested_virtualisation_is_refused(machine, guest, check):
    io_memory_is_refused(machine, guest, "nested", check)


@case("dom0", numbers="T43")
def a_guest_with_altp2m_is_refused(machine, guest, check):
    raise Skip("altp2m needs Intel's EPT, and QEMU's software emulation has no VMX")


def ordinary(machine, guest):
    """The status of an ordinary map, which is taken back at once."""
    ref = machine.grant(guest, machine.dom0.one("page")["gfn"])
    answer = guest.map(ref, GNTMAP.host_map, guest.addr)
    guest.unmap(answer["handle"], guest.addr)
    machine.end(ref)
    return answer["status"]


@case("pvh", numbers="T46")
def a_guest_without_memory_for_its_physmap_is_told_and_loses_nothing(machine, guest, check):
    refs, status, mapped = [], GNTST.okay, 0
    for n in range(6):
        refs.append(machine.grant(guest, machine.shm + n))
        answer = guest.one(f"map_many 0 {refs[-1]} {GNTMAP.iomem_map} {(256 + 120 * n) << 30} 120 {1 << 30} 1")
        mapped, status = mapped + answer["mapped"], answer["status"]
        if status:
            break
    check("the memory of the physmap is used up", GNTST.no_space, status)
    check("some pages were mapped before", True, mapped > 10)
    check("the guest is alive", "pvh", guest.one("info")["type"])
    check("every page is unmapped", mapped, guest.one("unmap_all 0 2000")["okay"])
    check("dom0 ends every grant", [1] * len(refs), [machine.end(ref) for ref in refs])
    machine.release("pvh")
