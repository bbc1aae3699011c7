# SPDX-License-Identifier: GPL-2.0-or-later
"""Random calls of the module: afterwards the same must be held as before, by every account."""

import os
import re

from module import EDU_ID, PAGE, module_users, references
from product import Agent, wait_until

SEED = int(os.environ.get("XEN_IOMEMGRANT_FUZZ_SEED", "7"))
CALLS = int(os.environ.get("XEN_IOMEMGRANT_FUZZ_CALLS", "10000"))


def fuzz(run, arguments):
    """Random calls: the same as before must be held afterwards, by every account."""
    def memory():
        # Each mapping is two events, and those udev has not come to wait in the kernel, 768 bytes each.
        run("udevadm settle --timeout=300", timeout=330).check()
        return int(run("awk '/^SUnreclaim/ { print $2 }' /proc/meminfo").check().out)

    # The first calls fill caches and make page tables that stay.
    run(f"iomem-fuzz {SEED + 1} {CALLS // 10} {arguments}", timeout=300).check()
    users, before = module_users(run), memory()
    result = run(f"iomem-fuzz {SEED} {CALLS} {arguments}", timeout=600).check()
    print(result.out, f"unreclaimable slab: {before} -> {memory()} KiB")
    assert run("ls /sys/class/iomemgrant").out == ""
    assert module_users(run) == users == "0"
    # Caches breathe; a leaked grant or mapping is over a kilobyte, and thousands were made.
    wait_until(lambda: memory() < before + 3072)
    return result.out


def test_random_calls_in_dom0(bench, pv, granter):
    before = granter.references()
    said = fuzz(bench.dom0, f"grant {pv.domid} 0 0 80 0")
    assert int(re.search(r"(\d+) succeeded", said)[1]) > CALLS / 100
    assert granter.references() == before
    assert bench.dom0("grep xen_iomemgrant /proc/iomem").rc == 1
    bench.dom0("rmmod xen_iomemgrant && modprobe xen_iomemgrant").check()
    # Everything works as if nothing had been.
    grant = granter.grant(pv, f"{bench.edu}/0@0+4K")
    assert Agent(pv).read(grant, 0) == EDU_ID
    granter.revoke(grant)


def test_random_calls_in_a_guest(bench, guest, granter):
    # That the grant can be ended at once shows that nothing stays mapped.
    with references(bench, guest, f"{bench.shm} 2 0 {4 * PAGE}") as (_, first):
        guest.run("modprobe xen_iomemgrant").check()
        said = fuzz(guest.run, f"map {first} 4")
        assert int(re.search(r"(\d+) faults", said)[1]) > 0
    guest.run("rmmod xen_iomemgrant && modprobe xen_iomemgrant").check()
    assert guest.run("dmesg | grep -E 'BUG|bad page|xen_mc_flush|WARNING|giving up'").out == ""
