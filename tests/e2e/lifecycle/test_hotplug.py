# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that goes away, or loses its driver, while some of it is granted."""

import pytest

from devices import E1000E, NVME, SLOT
from scenario import EDU_ID, wait_until
from product import Agent, node

SYSFS = "/sys/bus/pci/devices"


def settled(bench, present):
    wait_until(f"{SLOT} {'there' if present else 'gone'}",
               lambda: (bench.dom0(f"test -e {SYSFS}/{SLOT}").rc == 0) == present)


@pytest.fixture
def plugged(bench):
    """An edu device in the hot-plug slot; plugged out again if the test has not done so."""
    bench.qmp("device_add", driver="edu", id="hot", bus="plug")
    settled(bench, True)
    bench.dom0(f"echo 1 > {SYSFS}/{SLOT}/enable").check()
    yield SLOT
    if bench.dom0(f"test -e {SYSFS}/{SLOT}").rc == 0:
        bench.qmp("device_del", id="hot")
        settled(bench, False)


def ended_by_itself(bench, granter, guest, grant, references):
    """The guest lets go, and then nothing is left of the grant, without a command."""
    wait_until("the grant has ended", lambda: granter.list() == [])
    assert granter.references() == references
    assert guest.run("true").rc == 0
    wait_until("the node is gone", lambda: guest.run(f"test -e {node(grant)}").rc == 1)
    assert "/backend/iomem" not in bench.xenstore("/local/domain/0")


def test_a_device_plugged_out_while_it_is_mapped(bench, guest, granter, plugged):
    references = granter.references()
    grant = granter.grant(guest, f"{plugged}/0@0+4K")
    program = guest.start(f"iomem-probe hold {node(grant)} 4096")
    program.wait_for_output("mapped")
    assert Agent(guest).read(grant, 0) == EDU_ID
    bench.qmp("device_del", id="hot")
    settled(bench, False)
    ended_by_itself(bench, granter, guest, grant, references)
    assert program.wait() == 0 and program.output() == "mapped\nSIGBUS\n"


def test_a_device_removed_through_sysfs_while_it_is_mapped(bench, guest, granter, plugged):
    references = granter.references()
    grant = granter.grant(guest, f"{plugged}/0@0+4K")
    guest.start(f"iomem-probe hold {node(grant)} 4096").wait_for_output("mapped")
    bench.dom0(f"echo 1 > {SYSFS}/{plugged}/remove").check()
    settled(bench, False)
    ended_by_itself(bench, granter, guest, grant, references)
    # Found again, it can be granted again.
    bench.dom0("echo 1 > /sys/bus/pci/rescan").check()
    settled(bench, True)
    bench.dom0(f"echo 1 > {SYSFS}/{plugged}/enable").check()
    again = granter.grant(guest, f"{plugged}/0@0+4K")
    assert Agent(guest).read(again, 0) == EDU_ID
    granter.revoke(again)


@pytest.fixture(params=[NVME, E1000E], ids=["nvme", "e1000e"])
def driven(bench, request):
    """A device with its driver bound in dom0, which is not so on the bench by default."""
    bdf = request.param
    driver = {NVME: "nvme", E1000E: "e1000e"}[bdf]
    bench.dom0(f"modprobe {driver}; echo {bdf} > /sys/bus/pci/drivers/{driver}/bind 2>/dev/null")
    wait_until(f"{driver} has {bdf}", lambda: bench.dom0(f"test -e {SYSFS}/{bdf}/driver").rc == 0)
    yield bdf, driver
    bench.dom0(f"echo {bdf} > /sys/bus/pci/drivers/{driver}/unbind").check()


def test_a_driver_that_goes_away_from_a_shared_device(bench, guest, granter, driven):
    bdf, driver = driven
    references = granter.references()
    grant = granter.grant(guest, f"{bdf}/0@0+4K", "--allow=driver-bound,dma-capable")
    bench.dom0(f"echo {bdf} > /sys/bus/pci/drivers/{driver}/unbind").check()
    ended_by_itself(bench, granter, guest, grant, references)
    bench.dom0(f"echo {bdf} > /sys/bus/pci/drivers/{driver}/bind").check()
