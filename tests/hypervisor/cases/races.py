# SPDX-License-Identifier: GPL-2.0-or-later
"""Races, death, and operations that break off in the middle."""

import errno
import random
import time

from abi import GNTMAP, GNTST
from lab import EDU_ID, BenchError, Endpoint, case, ended


def run_stress(machine, guest, ref, check):
    """Let threads of the guest map, unmap, make, use and drop entries for machine.seconds; then dom0 ends the grant."""
    rc, va = machine.dom0.open(machine.shm)
    limit = machine.seconds * 1000 + 60000
    check("the guest's threads start", 0, guest.one(f"stress 0 {ref} {guest.addr} {machine.shm} 20071 {limit} 2")["rc"])
    time.sleep(machine.seconds)
    end = machine.dom0.one(f"end_witness {ref} 60000 {va} 4", timeout=180)
    answer = guest.one("stress_result 1", timeout=120)
    print(f"   dom0: {end}\n   guest: {answer}")
    check("the threads end", 0, answer["running"])
    check("no unmap leaves an entry", 0, answer["violations"])
    check("no call has an unexpected status", 0, answer["odd"])
    check("dom0 ends the grant meanwhile", 1, end.get("ended", 0))
    check("no word of the device moves after the end", 0, end.get("moved"))
    machine.dom0.close(va)
    return answer


@case("pv", numbers="T38")
def no_entry_outlives_a_grant_that_two_cpus_use_in_a_race(machine, guest, check):
    answer = run_stress(machine, guest, machine.grant(guest, machine.shm), check)
    check("the threads mapped, made entries, wrote and were told to wait", True,
          answer["maps"] > 20 and answer["adds"] > 100 and answer["writes"] > 100 and answer["busy"] > 10)


@case("pv", "pvh2", numbers="T39")
def two_calls_that_race_have_one_winner(machine, guest, check):
    rounds = machine.loops // 10
    ref, other = machine.grant(guest, machine.shm), machine.grant(guest, machine.edu)
    answer = guest.one(f"race_unmap 0 {ref} {GNTMAP.iomem_map} {guest.addr} {rounds}", timeout=300)
    check("one of two unmaps wins", (rounds, 0, 0, rounds),
          tuple(answer.get(k) for k in ("one", "both", "none", "bad_handle")))
    answer = guest.one(f"race_map 0 {ref} {GNTMAP.iomem_map} {guest.addr} {rounds}", timeout=300)
    seen = tuple(answer.get(k) for k in ("one", "both", "none", "bad_virt", "stuck"))
    if guest.kind == "pv":
        check("both of two maps succeed", (0, rounds, 0, 0, 0), seen)
    else:
        check("one of two maps at one address wins", (rounds, 0, 0, rounds, 0), seen)
        rc, va = guest.open(machine.edu)
        answer = guest.one(f"race_reuse 0 {other} {GNTMAP.iomem_map} {guest.addr} {rounds} {ref} {va} {EDU_ID}", timeout=300)
        print("   ", answer)
        check("a map at the address of a racing unmap comes or is refused", (rounds, 0, 0),
              (answer["came"] + answer["refused"], answer["wrong"], answer["stuck"]))
        guest.close(va)
    check("dom0 ends both grants", [1, 1], [machine.end(ref), machine.end(other)])


@case("dom0", numbers="T40", hypervisor="both")
def guests_that_are_destroyed_while_they_map_leave_nothing(machine, _dom0, check):
    """Guests are destroyed at random points of the stress, one after the other; the first of each kind only warm up.

    On a stock hypervisor nothing is granted: the pages that coming and going cost there are the measure for the patched one.
    """
    dice, over = random.Random(40), 0
    mortals = [frozen(machine, "pv", 2), frozen(machine, "pvh", 1)]
    for n in range(-1, machine.cycles + 1):
        guest = mortals[n % 4 == 3]
        guest.guest.thaw()
        guest.domid = guest.guest.domid
        if machine.patched:
            ref = machine.grant(guest, machine.shm)
            guest.one(f"stress 0 {ref} {guest.addr} {machine.shm} {n + 1} 600000 2")
        time.sleep(dice.uniform(0, 1))
        guest.guest.destroy()
        deadline = time.monotonic() + 30
        while machine.patched and not machine.end(ref) and time.monotonic() < deadline:
            time.sleep(0.1)
        over += time.monotonic() < deadline
        if n == 0:
            before = settled(machine)
        elif n % 10 == 0:
            print(f"    {n} guests, {machine.free_pages() - before[0]:+d} pages", flush=True)
    for _ in range(20):
        after = settled(machine)
        if after == before:
            break
    print(f"   {machine.cycles} guests destroyed; free pages {before[0]} before, {after[0]} after; "
          f"active entries {len(before[2])} before, {len(after[2])} after")
    check("every grant ends", machine.cycles + 2, over)
    # Xen's small-object allocator may have taken a page for good; a leak would cost one a guest, or more.
    check("less than a page is lost for two guests", True, before[0] - after[0] <= machine.cycles // 2)
    # free_memory is in MiB, rounded down.
    check("xl info free_memory lacks the pages that are gone and no more",
          before[1] - (before[0] // 256 - after[0] // 256), after[1])
    check("dom0's grant table has the active entries of before", before[2], after[2])
    for guest in mortals:
        guest.guest.melt()


def frozen(machine, kind, vcpus):
    """Save a guest that is up, to have it again sooner than it boots."""
    started = machine.bench.start_guest(f"hv-mortal-{kind}", kind, memory=128, vcpus=vcpus, timeout=180)
    guest = Endpoint(started.run, started.domid, kind)
    guest.guest = started
    started.freeze()
    return guest


def settled(machine):
    """Free pages, free_memory and active entries, once destroyed domains are really gone."""
    pages = machine.free_pages()
    for _ in range(20):
        time.sleep(0.5)
        before, pages = pages, machine.free_pages()
        if before == pages and "null" not in machine.bench.dom0("xl list").out:
            break
    else:
        raise BenchError("the number of free pages never settles")
    memory = int(machine.bench.dom0("xl info free_memory").check().out)
    return pages, memory, machine.active_grants()


@case("pv", "pvh", "dom0", numbers="T41")
def a_batch_that_faults_in_the_middle_keeps_what_it_did_before(machine, guest, check):
    ref = machine.grant(guest, machine.edu)
    # One entry has 128 maps at most.
    torn = 100
    answer = guest.one(f"map_torn 0 {ref} {GNTMAP.iomem_map} {guest.addr} 200 {torn}")
    check("a batch of maps ends at the fault", -errno.EFAULT, answer["rc"])
    check("the maps before it stay and are dropped", (torn, torn), (answer["okay"], answer["unmapped"]))
    ended(machine, ref, check)
    ref = machine.grant(guest, machine.edu)
    answer = guest.one(f"unmap_torn 0 {ref} {GNTMAP.iomem_map} {guest.addr} {torn}")
    check("a batch of unmaps ends at the fault", -errno.EFAULT, answer["rc"])
    check("the unmaps before it hold", (torn, torn), (answer["okay"], answer["gone"]))
    ended(machine, ref, check)


@case("iommu", "iommu-pvh", numbers="T37")
def a_guest_with_an_iommu_maps_ram_and_io_memory(machine, guest, check):
    """Ordinary grants go into a PV guest's page tables of the IOMMU, I/O memory does not."""
    check("the hypervisor uses the IOMMU", True, "iommu" in machine.bench.dom0("xl info virt_caps").out or
          any("I/O virtualisation enabled" in line for line in machine.bench.console()))
    at = guest.place(0x40000)
    ram_ref = machine.grant(guest, machine.dom0.one("page")["gfn"])
    for first in ("I/O memory", "RAM"):
        ref = machine.grant(guest, machine.edu)
        if first == "RAM":
            ram, device = guest.map(ram_ref, GNTMAP.host_map, at), guest.map(ref)
        else:
            device, ram = guest.map(ref), guest.map(ram_ref, GNTMAP.host_map, at)
        check(f"both are mapped, {first} first", (GNTST.okay, GNTST.okay), (device["status"], ram["status"]))
        rc, va = guest.open(machine.edu)
        check("the device identifies itself", EDU_ID, guest.peek(va))
        guest.close(va)
        order = [("I/O memory", device["handle"], 0), ("RAM", ram["handle"], at)]
        for what, handle, addr in order if first == "RAM" else reversed(order):
            check(f"{what} is unmapped, {first} having been mapped first", GNTST.okay, guest.unmap(handle, addr))
        ended(machine, ref, check)
    ended(machine, ram_ref, check)
    ref = machine.grant(guest, machine.edu)
    check("200 pairs of map and unmap succeed", 0, guest.one(f"loop 200 0 {ref} {GNTMAP.iomem_map} {guest.addr}")["bad"])
    check("the page is mapped once more", GNTST.okay, guest.map(ref)["status"])
    machine.release("iommu" if guest.kind == "pv" else "iommu-pvh")
    check("dom0 ends the grant of the dead guest", 1, machine.end(ref))
