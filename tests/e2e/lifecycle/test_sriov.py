# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual functions of which pages are granted: they stay, and their loss harms nothing."""

import pytest

from devices import PF, VF
from scenario import wait_until

SYSFS = "/sys/bus/pci/devices"
NUMVFS = f"{SYSFS}/{PF}/sriov_numvfs"


def make_vfs(bench, number):
    bench.dom0(f"echo {number} > {NUMVFS}").check()
    wait_until("the virtual functions are there",
               lambda: (bench.dom0(f"test -e {SYSFS}/{VF}").rc == 0) == (number > 0))


@pytest.fixture
def vf(bench):
    """A virtual function without a driver, below a physical function with one."""
    bench.dom0("echo 0 > /sys/bus/pci/drivers_autoprobe; modprobe nvme;"
               f"echo {PF} > /sys/bus/pci/drivers/nvme/bind; echo 1 > /sys/bus/pci/drivers_autoprobe;"
               f"echo 0 > {SYSFS}/{PF}/sriov_drivers_autoprobe").check()
    make_vfs(bench, 2)
    yield VF
    bench.dom0(f"echo 0 > {NUMVFS}").check()
    bench.dom0(f"echo {PF} > /sys/bus/pci/drivers/nvme/unbind").check()


def entry_of(bench, grant):
    lines = bench.dom0("iomem-ktest list").check().out.splitlines()
    found = [line for line in lines if line.startswith(f"id={grant['id']} ")]
    return found[0] if found else None


def test_the_number_of_functions_is_fixed_while_one_is_granted(bench, guest, granter, vf):
    references = granter.references()
    grant = granter.grant(guest, f"{vf}/0@0+4K")
    refused = bench.dom0(f"echo 0 > {NUMVFS}")
    assert refused.rc != 0 and "Operation not permitted" in refused.err, refused.text
    assert " mapped=1 state=1 " in entry_of(bench, grant)
    granter.revoke(grant)
    make_vfs(bench, 0)
    make_vfs(bench, 4)
    # The same function again, and the same addresses.
    again = granter.grant(guest, f"{vf}/0@0+4K")
    assert bench.dom0(f"echo 0 > {NUMVFS}").rc != 0
    granter.revoke(again)
    make_vfs(bench, 0)
    assert granter.references() == references


def test_two_grants_of_a_function_hold_it_until_the_last_ends(bench, pv, granter, vf):
    made = [bench.dom0(f"iomem-ktest grant {pv.domid} {vf} 0 {page * 4096} 4096").check().out.split()[0]
            for page in (0, 1)]
    bench.dom0(f"iomem-ktest end {made[0]}").check()
    assert bench.dom0(f"echo 0 > {NUMVFS}").rc != 0
    bench.dom0(f"iomem-ktest end {made[1]}").check()
    make_vfs(bench, 0)


def test_a_function_taken_away_from_a_guest_that_keeps_its_page(bench, guest, granter, vf):
    references = granter.references()
    grant = granter.grant(guest, f"{vf}/0@0+4K")
    bench.dom0(f"xl pause {guest.domid}").check()
    try:
        # As a driver does that does not ask whether one of them is assigned.
        bench.dom0(f"insmod /root/iomem_host.ko; echo {PF} > /sys/module/iomem_host/parameters/vanish").check()
        bench.dom0("rmmod iomem_host").check()
        assert bench.dom0(f"test -e {SYSFS}/{vf}").rc == 1
        wait_until("the grant is lost", lambda: " mapped=1 state=3 " in entry_of(bench, grant))
        assert " lost=1 " in entry_of(bench, grant)
        make_vfs(bench, 2)
        # It has the addresses that the guest still maps, and is not granted for that reason.
        refused = bench.dom0(f"iomem-ktest grant {guest.domid} {vf} 0 0 4096")
        assert "File exists" in refused.err, refused.text
    finally:
        bench.dom0(f"xl unpause {guest.domid}").check()
    wait_until("the grant has ended by itself", lambda: entry_of(bench, grant) is None)
    again = granter.grant(guest, f"{vf}/0@0+4K")
    granter.revoke(again)
    assert granter.references() == references
